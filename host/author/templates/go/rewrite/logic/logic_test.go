package logic

import "testing"

func TestThePrefixComesFirst(t *testing.T) {
	if verdict, text := Rewritten("hub", "r.io/a:1", nil); verdict != Destination || text != "r.io/hub/a:1" {
		t.Errorf("%v %q", verdict, text)
	}
	if verdict, _ := Rewritten("hub", "r.io/a:1", map[string]string{"stage": "test"}); verdict != Skip {
		t.Errorf("an item for tests: %v", verdict)
	}
	if verdict, _ := Rewritten("hub", "a:1", nil); verdict != Refuse {
		t.Errorf("a destination without registry: %v", verdict)
	}
}

func TestAPrefixIsNeeded(t *testing.T) {
	if prefix, err := Prefix(`{"prefix":"hub"}`); prefix != "hub" || err != nil {
		t.Errorf("%q, %v", prefix, err)
	}
	for _, config := range []string{"{}", `{"prefix":""}`, `{"prefix":1}`, ""} {
		if _, err := Prefix(config); err == nil {
			t.Errorf("%q was taken", config)
		}
	}
}
