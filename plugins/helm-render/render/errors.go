package render

import (
	"fmt"
	"regexp"
	"strings"
)

// The codes of errors, which wit/plugin.wit documents.
const (
	codeChart        = "chart"
	codeDependencies = "dependencies"
	codeKubeVersion  = "kube-version"
	codeManifest     = "manifest"
	codeRelease      = "release"
	codeRenderer     = "renderer"
	codeTemplate     = "template"
	codeTooLarge     = "too-large"
	codeValues       = "values"
	codeSchema       = "values-schema"
)

// Error says why a chart cannot be rendered.
type Error struct {
	// Code is one of the codes in wit/plugin.wit.
	Code string
	// Message is a single line and says where the fault is.
	Message string
}

func (e *Error) Error() string { return e.Message }

func failed(code, message string) error {
	return &Error{Code: code, Message: shortened(withoutGo(oneLine(message)))}
}

// How Go says that YAML has another type than expected.
var otherType = regexp.MustCompile(
	`(?:cannot unmarshal yaml document: )?error unmarshaling JSON: while decoding JSON: json: cannot unmarshal (\w+) into Go value of type map\[\S+(?: \{\})?`)

// withoutGo replaces the words of Go in a message.
func withoutGo(message string) string {
	return otherType.ReplaceAllString(message, "found $1, expected a mapping")
}

func failedf(code, format string, arguments ...any) error {
	return failed(code, fmt.Sprintf(format, arguments...))
}

// oneLine joins the lines of a message.
func oneLine(message string) string {
	var lines []string
	for line := range strings.Lines(message) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// shortened cuts the middle out of a long message. A thousand nested templates give a thousand places, and
// the first and the last ones say what is wrong.
func shortened(message string) string {
	const kept = 1000
	if len(message) <= 2*kept {
		return message
	}
	return strings.ToValidUTF8(message[:kept]+" … "+message[len(message)-kept:], "")
}

// The ways in which Helm says in which template an error is.
var (
	// A template calls fail or required, or does not parse.
	inBrackets = regexp.MustCompile(`^(?s)(?:execution|parse) error (?:at|in) \(([^()\s]+)\): (.*)$`)
	// A call fails, perhaps in a template that this one includes. The next line says what was executed.
	ownLine = regexp.MustCompile(`^(?s)(?:template: )?([^\s:]+:\d+(?::\d+)?):?\s+(.*)$`)
	// The rendered text is no YAML.
	ofYAML = regexp.MustCompile(`^(?s)YAML parse error on ([^\s:]+): (.*)$`)
)

// placeFirst rewrites a message of Helm as `path:line:column: message`. A message about rendered YAML has
// only the path in front, because the line is one of the rendered text.
func placeFirst(message string) string {
	for _, form := range []*regexp.Regexp{inBrackets, ownLine} {
		if parts := form.FindStringSubmatch(message); parts != nil {
			return parts[1] + ": " + parts[2]
		}
	}
	if parts := ofYAML.FindStringSubmatch(message); parts != nil {
		return parts[1] + ": rendered text is not valid YAML: " + parts[2]
	}
	return message
}
