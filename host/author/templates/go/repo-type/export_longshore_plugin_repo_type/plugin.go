//go:build wasip1

// Package export_longshore_plugin_repo_type exports the repository type. The bindings import it by this name.
package export_longshore_plugin_repo_type

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"longshore.plugin/{{name}}/bindings/longshore_plugin_config"
	"longshore.plugin/{{name}}/bindings/longshore_plugin_endpoints"
	contract "longshore.plugin/{{name}}/bindings/longshore_plugin_repo_type"
	"longshore.plugin/{{name}}/bindings/longshore_plugin_types"
	wit "longshore.plugin/{{name}}/bindings/wit/types"
	"longshore.plugin/{{name}}/logic"
)

// api is the endpoint of plugin.json.
const api = "api"

var methods = map[string]longshore_plugin_endpoints.Method{
	"GET": longshore_plugin_endpoints.MethodGet,
	"PUT": longshore_plugin_endpoints.MethodPut,
}

var states = map[logic.State]contract.State{
	logic.Ready:       contract.StateReady,
	logic.Created:     contract.StateCreated,
	logic.WouldCreate: contract.StateWouldCreate,
}

// Describe says what the registry can do.
func Describe(registry string) wit.Result[contract.Capabilities, contract.PluginError] {
	return wit.Ok[contract.Capabilities, contract.PluginError](contract.Capabilities{
		MaxDepth:      wit.None[uint32](),
		ChunkedUpload: true,
		CrossMount:    true,
		Referrers:     false,
	})
}

// Scopes returns the teams that repositories need.
func Scopes(registry string, repositories []string) wit.Result[[][]contract.Scope, contract.PluginError] {
	scopes := make([][]contract.Scope, len(repositories))
	for i, repository := range repositories {
		if team := logic.Team(repository); team != "" {
			scopes[i] = []contract.Scope{{Kind: "team", Name: team}}
		}
	}
	return wit.Ok[[][]contract.Scope, contract.PluginError](scopes)
}

// Prepare creates a team.
func Prepare(registry string, scope contract.Scope, dryRun bool) wit.Result[contract.Outcome, contract.PluginError] {
	debug.SetGCPercent(100) // see init in ../main.go
	var config struct{ Public bool }
	if err := json.Unmarshal([]byte(longshore_plugin_config.Get()), &config); err != nil {
		return wit.Err[contract.Outcome](longshore_plugin_types.MakePluginErrorInvalidConfig(err.Error()))
	}
	state, remark, err := logic.Prepare(send, scope.Name, config.Public, dryRun)
	if err != nil {
		return wit.Err[contract.Outcome](failure(err))
	}
	outcome := contract.Outcome{State: states[state], Message: wit.None[string]()}
	if remark != "" {
		outcome.Message = wit.Some(remark)
	}
	return wit.Ok[contract.Outcome, contract.PluginError](outcome)
}

func send(method string, path []string, body string) (logic.Answer, error) {
	request := longshore_plugin_endpoints.Request{
		Method: methods[method],
		Path:   path,
		Body:   wit.None[[]uint8](),
	}
	if body != "" {
		request.Headers = []longshore_plugin_types.Attribute{{Key: "content-type", Value: "application/json"}}
		request.Body = wit.Some([]uint8(body))
	}
	sent := longshore_plugin_endpoints.Send(api, request)
	if sent.IsErr() {
		return logic.Answer{}, unsent(sent.Err())
	}
	response := sent.Ok()
	return logic.Answer{Status: int(response.Status), Body: string(response.Body)}, nil
}

// problem is an error that says which one of the contract it is.
type problem struct{ longshore_plugin_types.Coded }

func (err problem) Error() string { return err.Message }

func unsent(err longshore_plugin_endpoints.RequestError) error {
	coded := longshore_plugin_types.Coded{}
	switch err.Tag() {
	case longshore_plugin_endpoints.RequestErrorDenied:
		coded.Code, coded.Message = "denied", err.Denied()
	case longshore_plugin_endpoints.RequestErrorExhausted:
		coded.Code, coded.Message = "exhausted", err.Exhausted()
	case longshore_plugin_endpoints.RequestErrorUnreachable:
		return logic.Transient{Answer: logic.Answer{Body: err.Unreachable()}}
	default:
		coded = err.Other()
	}
	return problem{coded}
}

func failure(err error) contract.PluginError {
	var coded problem
	var unauthorized logic.Unauthorized
	var transient logic.Transient
	switch {
	case errors.As(err, &coded):
		return longshore_plugin_types.MakePluginErrorOther(coded.Coded)
	case errors.As(err, &unauthorized):
		return longshore_plugin_types.MakePluginErrorUnauthorized(err.Error())
	case errors.As(err, &transient):
		return longshore_plugin_types.MakePluginErrorTransient(wit.None[uint32]())
	}
	return longshore_plugin_types.MakePluginErrorOther(longshore_plugin_types.Coded{
		Code:    "unexpected-answer",
		Message: fmt.Sprint(err),
	})
}
