;; A list format that logs without end when it reads a list. It would also write lists.
(component
  (type $level (enum "debug" "info" "warning" "error"))
  (import "longshore:plugin/log@0.1.0" (instance $log
    (type $level' (enum "debug" "info" "warning" "error"))
    (export "level" (type $level (eq $level')))
    (export "emit" (func (param "level" $level) (param "message" string)))
    (export "at" (func (param "place" string)))))
  (import "longshore:plugin/config@0.1.0" (instance $config
    (export "get" (func (result string)))))
  (core module $memories
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
      (local.get $at)))
  (core instance $memory (instantiate $memories))
  (core func $get (canon lower (func $config "get")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $emit (canon lower (func $log "emit") (memory $memory "memory")))
  (core func $at (canon lower (func $log "at") (memory $memory "memory")))
  (core module $plugin
    (import "memory" "memory" (memory 1))
    (import "host" "get" (func $get (param i32)))
    (import "host" "emit" (func $emit (param i32 i32 i32)))
    (import "host" "at" (func $at (param i32 i32)))
    (data (i32.const 4) "\40\00\00\00\01\00\00\00")
    (data (i32.const 116) "\ea\00\00\00\01\00\00\00")
    (data (i32.const 184) "\01\00\00\00\d0\00\00\00\01\00\00\00")
    (data (i32.const 208) "\e0\00\00\00\04\00\00\00\e4\00\00\00\01\00\00\00")
    (data (i32.const 224) "teama     1")
    (func (export "probe") (param i32 i32 i32 i32) (result i32)
      (i32.const 2))
    (func (export "parse") (param i32 i32 i32 i32) (result i32)
      (loop $again
        ;; A kilobyte of its memory.
        (call $emit (i32.const 3) (i32.const 1024) (i32.const 1024))
        (br $again))
      unreachable)
    (func (export "render") (param $entries i32) (param i32) (result i32)
      (i32.store (i32.const 276) (i32.load (local.get $entries)))
      (i32.store (i32.const 280) (i32.load offset=4 (local.get $entries)))
      (i32.const 272)))
  (core instance $code (instantiate $plugin
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "get" (func $get))
      (export "emit" (func $emit))
      (export "at" (func $at))))))
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
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (func $parse (param "file-name" string) (param "text" string)
    (result (result $parsed (error $plugin-error)))
    (canon lift (core func $code "parse")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (func $render (param "entries" (list $entry)) (result (result string (error $plugin-error)))
    (canon lift (core func $code "render")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
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
  (export "longshore:plugin/list-format@0.1.0" (instance $list-format))
  (instance $list-render
    (export "attribute" (type $attribute))
    (export "coded" (type $coded))
    (export "plugin-error" (type $plugin-error))
    (export "pinned" (type $pinned))
    (export "filter" (type $filter))
    (export "selection" (type $selection))
    (export "entry" (type $entry))
    (export "render" (func $render)))
  (export "longshore:plugin/list-render@0.1.0" (instance $list-render)))
