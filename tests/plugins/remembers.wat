;; A list format that keeps state: a global and a word of its memory count its calls. `parse` returns one
;; diagnostic whose line is the global and whose column is the word.
;;
;; Memory layout: the result at 0 (`ok`, no entries, diagnostics 12), the diagnostic at 64, the word at 256.
(component
  (core module $plugin
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      ;; Rounds up to the alignment.
      (local.set $at
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (block $fits
        (loop $grow
          (br_if $fits
            (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
          (br_if $grow (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
          unreachable))
      (local.get $at))
    (global $calls (mut i32) (i32.const 0))
    (data (i32.const 12) "\40\00\00\00\01\00\00\00")
    (func $count
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1))))
    (func (export "probe") (param i32 i32 i32 i32) (result i32)
      (call $count)
      (i32.const 1))
    (func (export "parse") (param i32 i32 i32 i32) (result i32)
      (call $count)
      (i32.store (i32.const 68) (global.get $calls))
      (i32.store (i32.const 72) (i32.load (i32.const 256)))
      (i32.const 0)))
  (core instance $code (instantiate $plugin))
  (type $attribute (record (field "key" string) (field "value" string)))
  (type $coded (record (field "code" string) (field "message" string)))
  (type $plugin-error
    (variant
      (case "invalid-config" string)
      (case "unauthorized" string)
      (case "transient" (option u32))
      (case "other" $coded)))
  (type $pinned (record (field "digest" string) (field "tag" (option string))))
  (type $filter
    (record
      (field "allow" (list string))
      (field "deny" (list string))
      (field "versions" (option string))
      (field "latest" (option u32))))
  (type $selection
    (variant
      (case "by-tag" string)
      (case "by-digest" $pinned)
      (case "all")
      (case "matching" $filter)))
  (type $entry
    (record
      (field "source" string)
      (field "repositories" (option $filter))
      (field "select" $selection)
      (field "destination" (option string))
      (field "destination-tag" (option string))
      (field "platforms" (list string))
      (field "line" u32)
      (field "attributes" (list $attribute))))
  (type $severity (enum "warning" "error"))
  (type $diagnostic
    (record
      (field "severity" $severity)
      (field "line" u32)
      (field "column" u32)
      (field "message" string)))
  (type $confidence (enum "no" "maybe" "certain"))
  (type $parsed
    (record (field "entries" (list $entry)) (field "diagnostics" (list $diagnostic))))
  (func $probe (param "file-name" string) (param "head" string) (result $confidence)
    (canon lift (core func $code "probe")
      (memory $code "memory") (realloc (func $code "realloc"))))
  (func $parse (param "file-name" string) (param "text" string)
    (result (result $parsed (error $plugin-error)))
    (canon lift (core func $code "parse")
      (memory $code "memory") (realloc (func $code "realloc"))))
  (instance $list-format
    (export "attribute" (type $attribute))
    (export "coded" (type $coded))
    (export "plugin-error" (type $plugin-error))
    (export "pinned" (type $pinned))
    (export "filter" (type $filter))
    (export "selection" (type $selection))
    (export "entry" (type $entry))
    (export "severity" (type $severity))
    (export "diagnostic" (type $diagnostic))
    (export "confidence" (type $confidence))
    (export "parsed" (type $parsed))
    (export "probe" (func $probe))
    (export "parse" (func $parse)))
  (export "longshore:plugin/list-format@0.1.0" (instance $list-format)))
