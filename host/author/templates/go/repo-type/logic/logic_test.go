package logic

import (
	"errors"
	"strings"
	"testing"
)

// server answers requests with a status each.
func server(t *testing.T, statuses map[string]int) Send {
	return func(method string, path []string, body string) (Answer, error) {
		request := method + " /" + strings.Join(path, "/") + " " + body
		status, found := statuses[strings.TrimSpace(request)]
		if !found {
			t.Errorf("sent %s", request)
		}
		return Answer{status, "no right"}, nil
	}
}

func TestAMissingTeamIsCreated(t *testing.T) {
	const get, put = "GET /api/teams/web", `PUT /api/teams/web {"public":true}`
	for _, test := range []struct {
		statuses map[string]int
		dryRun   bool
		state    State
	}{
		{map[string]int{get: 200}, false, Ready},
		{map[string]int{get: 404, put: 201}, false, Created},
		{map[string]int{get: 404, put: 409}, false, Ready},
		{map[string]int{get: 404}, true, WouldCreate},
	} {
		state, _, err := Prepare(server(t, test.statuses), "web", true, test.dryRun)
		if state != test.state || err != nil {
			t.Errorf("%v: %v, %v", test.statuses, state, err)
		}
	}
	_, _, err := Prepare(server(t, map[string]int{get: 403}), "web", true, false)
	var unauthorized Unauthorized
	if !errors.As(err, &unauthorized) || err.Error() != "the server answered 403: no right" {
		t.Errorf("403 is %v", err)
	}
	_, _, err = Prepare(server(t, map[string]int{get: 404, put: 503}), "web", true, false)
	if !errors.As(err, &Transient{}) {
		t.Errorf("503 is %v", err)
	}
}

func TestTheFirstPartOfARepositoryIsItsTeam(t *testing.T) {
	if Team("web/shop/cart") != "web" || Team("alone") != "" {
		t.Error("another team")
	}
}
