;; A chart renderer of the contract 0.1.0. It is never changed.
;;
;; It returns one document: the path is the name of the release, the text is the first text of values.
;;
;; Memory layout: the result at 0 (`ok`, the documents 4), the document at 16.
(component
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
  (core module $plugin
    (import "memory" "memory" (memory 1))
    (data (i32.const 4) "\10\00\00\00\01\00\00\00")
    (func (export "render")
      (param $files i32) (param i32)
      (param $values i32) (param i32)
      (param $name i32) (param $length i32)
      (param $namespace i32) (param i32)
      (param $kube-version i32) (param i32) (param i32)
      (param $api-versions i32) (param i32)
      (param $skip-tests i32)
      (result i32)
      (i32.store (i32.const 16) (local.get $name))
      (i32.store (i32.const 20) (local.get $length))
      (i32.store (i32.const 24) (i32.load (local.get $values)))
      (i32.store (i32.const 28) (i32.load offset=4 (local.get $values)))
      (i32.const 0)))
  (core instance $code (instantiate $plugin (with "memory" (instance $memory))))
  (type $attribute (record (field "key" string) (field "value" string)))
  (type $coded (record (field "code" string) (field "message" string)))
  (type $plugin-error
    (variant
      (case "invalid-config" string)
      (case "unauthorized" string)
      (case "transient" (option u32))
      (case "other" $coded)))
  (type $file (record (field "path" string) (field "content" (list u8))))
  (type $release
    (record
      (field "name" string)
      (field "namespace" string)
      (field "kube-version" (option string))
      (field "api-versions" (list string))
      (field "skip-tests" bool)))
  (type $manifest (record (field "path" string) (field "text" string)))
  (func $render
    (param "files" (list $file)) (param "values" (list string)) (param "release" $release)
    (result (result (list $manifest) (error $plugin-error)))
    (canon lift (core func $code "render")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (instance $chart-render
    (export "coded" (type $coded))
    (export "plugin-error" (type $plugin-error))
    (export "file" (type $file))
    (export "release" (type $release))
    (export "manifest" (type $manifest))
    (export "render" (func $render)))
  (export "longshore:plugin/chart-render@0.1.0" (instance $chart-render)))
