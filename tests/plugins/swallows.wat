;; A rewrite that returns no verdicts for any number of items.
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
    (func (export "apply") (param i32 i32) (result i32)
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
      (memory $code "memory") (realloc (func $code "realloc"))))
  (instance $rewrite
    (export "attribute" (type $attribute))
    (export "coded" (type $coded))
    (export "plugin-error" (type $plugin-error))
    (export "artifact" (type $artifact))
    (export "item" (type $item))
    (export "verdict" (type $verdict))
    (export "apply" (func $apply)))
  (export "longshore:plugin/rewrite@0.1.0" (instance $rewrite)))
