package logic

import "testing"

func TestTemplatesAreRendered(t *testing.T) {
	if !IsTemplate("templates/a.yaml") || IsTemplate("Chart.yaml") {
		t.Error("other files are templates")
	}
	if text, err := Render("templates/a.yaml", []byte("name: RELEASE\n"), "web"); text != "name: web\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Render("templates/a.yaml", []byte{0xff}, "web"); err == nil {
		t.Error("bytes were rendered")
	}
}
