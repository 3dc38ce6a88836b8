// Package logic creates a team with `PUT /api/teams/NAME` before the first push into `NAME/…`.
package logic

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Answer is what the server says.
type Answer struct {
	Status int
	Body   string
}

// Send sends a request to the endpoint of plugin.json. Tests have one of their own.
type Send func(method string, path []string, body string) (Answer, error)

// State is what became of a team.
type State int

const (
	Ready State = iota
	Created
	WouldCreate
)

// Unauthorized means that the account lacks a right.
type Unauthorized struct{ Answer Answer }

func (err Unauthorized) Error() string {
	return fmt.Sprintf("the server answered %d: %s", err.Answer.Status, err.Answer.Body)
}

// Transient means that a later try may succeed.
type Transient struct{ Answer Answer }

func (err Transient) Error() string {
	return fmt.Sprintf("the server answered %d", err.Answer.Status)
}

// Team returns the team that a repository needs; "" means none.
func Team(repository string) string {
	team, _, found := strings.Cut(repository, "/")
	if !found {
		return ""
	}
	return team
}

// Prepare creates a team, unless it exists. A remark may come with the state.
func Prepare(send Send, team string, public, dryRun bool) (State, string, error) {
	path := []string{"api", "teams", team}
	found, err := send("GET", path, "")
	switch {
	case err != nil:
		return 0, "", err
	case found.Status == 200:
		return Ready, "", nil
	case found.Status != 404:
		return 0, "", refused(found)
	case dryRun:
		return WouldCreate, "", nil
	}
	body, err := json.Marshal(map[string]bool{"public": public})
	if err != nil {
		return 0, "", err
	}
	created, err := send("PUT", path, string(body))
	switch {
	case err != nil:
		return 0, "", err
	case created.Status == 201:
		return Created, "", nil
	case created.Status == 409:
		return Ready, "somebody else created it meanwhile", nil
	}
	return 0, "", refused(created)
}

func refused(answer Answer) error {
	switch {
	case answer.Status == 401 || answer.Status == 403:
		return Unauthorized{answer}
	case answer.Status == 429 || answer.Status >= 500:
		return Transient{answer}
	}
	return fmt.Errorf("the server answered %d", answer.Status)
}
