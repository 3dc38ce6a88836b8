// UTF-8. The engine has no TextEncoder and no TextDecoder.

// Returns the bytes of a text.
export function encoded(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (unit) => unit.charCodeAt(0));
}

// Returns the text of bytes. Throws a URIError if they are not UTF-8.
export function decoded(bytes) {
  let units = '';
  for (let start = 0; start < bytes.length; start += 4096) {
    units += String.fromCharCode(...bytes.slice(start, start + 4096));
  }
  return decodeURIComponent(escape(units));
}
