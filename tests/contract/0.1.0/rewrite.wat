;; A rewrite that rejects every item. Its reason is the configuration, a blank and the destination,
;; so that a test can see what the plugin got.
;;
;; Memory layout: the result (`ok`, the verdicts) at 0, the configuration at 16. An item has 28
;; bytes, with its destination at 12. A verdict has 12 bytes, with its text at 4.
(component
  (import "longshore:plugin/config@0.1.0" (instance $config
    (export "get" (func (result string)))))
  ;; The memory for the configuration. It must exist before the module that reads it.
  (core module $memories
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func $allocate (export "realloc") (param i32 i32 i32 i32) (result i32)
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
  (core module $plugin
    (import "memory" "memory" (memory 1))
    (import "memory" "realloc" (func $allocate (param i32 i32 i32 i32) (result i32)))
    (import "host" "get" (func $get (param i32)))
    (func (export "apply") (param $item i32) (param $left i32) (result i32)
      (local $verdict i32)
      (local $text i32)
      (local $config i32)
      (call $get (i32.const 16))
      (local.set $config (i32.load (i32.const 20)))
      (local.set $verdict
        (call $allocate (i32.const 0) (i32.const 0) (i32.const 4)
          (i32.mul (local.get $left) (i32.const 12))))
      (i32.store (i32.const 4) (local.get $verdict))
      (i32.store (i32.const 8) (local.get $left))
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $left)))
          (local.set $text
            (call $allocate (i32.const 0) (i32.const 0) (i32.const 1)
              (i32.add (i32.const 1)
                (i32.add (local.get $config) (i32.load offset=16 (local.get $item))))))
          (i32.store8 (local.get $verdict) (i32.const 2))
          (i32.store offset=4 (local.get $verdict) (local.get $text))
          (i32.store offset=8 (local.get $verdict)
            (i32.add (i32.const 1)
              (i32.add (local.get $config) (i32.load offset=16 (local.get $item)))))
          (memory.copy (local.get $text) (i32.load (i32.const 16)) (local.get $config))
          (local.set $text (i32.add (local.get $text) (local.get $config)))
          (i32.store8 (local.get $text) (i32.const 32))
          (memory.copy (i32.add (local.get $text) (i32.const 1))
            (i32.load offset=12 (local.get $item)) (i32.load offset=16 (local.get $item)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (local.set $item (i32.add (local.get $item) (i32.const 28)))
          (local.set $verdict (i32.add (local.get $verdict) (i32.const 12)))
          (br $next)))
      (i32.const 0)))
  (core instance $code (instantiate $plugin
    (with "memory" (instance $memory))
    (with "host" (instance (export "get" (func $get))))))
  (type $attribute (record (field "key" string) (field "value" string)))
  (type $coded (record (field "code" string) (field "message" string)))
  (type $plugin-error
    (variant
      (case "invalid-config" string)
      (case "unauthorized" string)
      (case "transient" (option u32))
      (case "other" $coded)))
  (type $artifact (enum "image" "chart"))
  (type $item
    (record
      (field "artifact" $artifact)
      (field "source" string)
      (field "destination" string)
      (field "attributes" (list $attribute))))
  (type $verdict
    (variant (case "destination" string) (case "skip" string) (case "refuse" string)))
  (func $apply (param "batch" (list $item))
    (result (result (list $verdict) (error $plugin-error)))
    (canon lift (core func $code "apply")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (instance $rewrite
    (export "attribute" (type $attribute))
    (export "coded" (type $coded))
    (export "plugin-error" (type $plugin-error))
    (export "artifact" (type $artifact))
    (export "item" (type $item))
    (export "verdict" (type $verdict))
    (export "apply" (func $apply)))
  (export "longshore:plugin/rewrite@0.1.0" (instance $rewrite)))
