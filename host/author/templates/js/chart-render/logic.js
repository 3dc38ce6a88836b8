// Renders charts without templates: returns the files of `templates/` as they are, with `RELEASE` replaced by
// the name of the release.

// Tells whether a file of the chart is rendered.
export function isTemplate(path) {
  return path.startsWith('templates/');
}

// Renders the text of a template.
export function render(text, release) {
  return text.replaceAll('RELEASE', release);
}
