;; Like `waits`, but each request has the header `host: evil.example`.
;;
;; A repository type whose `prepare` sends `POST registry /wait/NAME?n=1` with the body `go`, once
;; per byte of the scope's name. It returns `created` if each response has status 200. For a failed
;; request it returns `other(coded)` with the code `denied`, `exhausted`, `unreachable` or `other`.
;; For another status it returns `transient`. In a dry run it sends `HEAD` instead and returns
;; `would-create`. It describes no registry, and every repository needs the one scope `ab`.
;;
;; Memory layout: the request at 0 (method, path 4, query 12, headers 20, body 28), the path
;; segments at 64, the query at 96, strings at 128. The response is at 256, the result at 320, the
;; capabilities (zeros) at 512. The result of `scopes` is at 560, the scope at 576, the list of
;; scopes from 1024.
(component
  (import "longshore:plugin/types@0.1.0" (instance $types
    (type $attribute' (record (field "key" string) (field "value" string)))
    (export "attribute" (type (eq $attribute')))
    (type $coded' (record (field "code" string) (field "message" string)))
    (export "coded" (type (eq $coded')))))
  (alias export $types "attribute" (type $attribute'))
  (alias export $types "coded" (type $coded'))
  (import "longshore:plugin/endpoints@0.1.0" (instance $endpoints
    (alias outer 1 $attribute' (type $its-attribute))
    (export "attribute" (type $attribute (eq $its-attribute)))
    (alias outer 1 $coded' (type $its-coded))
    (export "coded" (type $coded (eq $its-coded)))
    (type $method' (enum "get" "head" "post" "put" "patch" "delete"))
    (export "method" (type $method (eq $method')))
    (type $request' (record
      (field "method" $method)
      (field "path" (list string))
      (field "query" (list $attribute))
      (field "headers" (list $attribute))
      (field "body" (option (list u8)))))
    (export "request" (type $request (eq $request')))
    (type $response' (record
      (field "status" u16)
      (field "headers" (list $attribute))
      (field "body" (list u8))))
    (export "response" (type $response (eq $response')))
    (type $request-error' (variant
      (case "denied" string)
      (case "exhausted" string)
      (case "unreachable" string)
      (case "other" $coded)))
    (export "request-error" (type $request-error (eq $request-error')))
    (export "send" (func (param "endpoint" string) (param "request" $request)
      (result (result $response (error $request-error)))))))
  ;; The memory for requests. It must exist before the module that sends them.
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
  (core func $send (canon lower (func $endpoints "send")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core module $plugin
    (import "memory" "memory" (memory 1))
    ;; Endpoint; method, path, query, headers, body; the address of the response. Lists and strings
    ;; are pointer and length.
    (import "host" "send" (func $send
      (param i32 i32) (param i32) (param i32 i32) (param i32 i32) (param i32 i32)
      (param i32 i32 i32) (param i32)))
    (data (i32.const 64) "\80\00\00\00\04\00\00\00")
    (data (i32.const 96) "\88\00\00\00\01\00\00\00\89\00\00\00\01\00\00\00")
    (data (i32.const 128) "wait    n1      go      registry")
    (data (i32.const 160) "denied  exhausted       unreachable     other")
    (data (i32.const 576) "\60\02\00\00\07\00\00\00\68\02\00\00\02\00\00\00")
    (data (i32.const 608) "project ab")
    (data (i32.const 704) "\e0\02\00\00\04\00\00\00\e8\02\00\00\0c\00\00\00")
    (data (i32.const 736) "host    evil.example")
    (func (export "describe") (param i32 i32) (result i32)
      (i32.const 512))
    (func (export "scopes") (param i32 i32) (param i32) (param $left i32) (result i32)
      (local $at i32)
      ;; The maximum number that fits.
      (if (i32.gt_u (local.get $left) (i32.const 384)) (then unreachable))
      (i32.store (i32.const 564) (i32.const 1024))
      (i32.store (i32.const 568) (local.get $left))
      (local.set $at (i32.const 1024))
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $left)))
          (i32.store (local.get $at) (i32.const 576))
          (i32.store offset=4 (local.get $at) (i32.const 1))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br $next)))
      (i32.const 560))
    (func $refusal (param $case i32)
      ;; error(other(coded)): the code's name for the case, no message.
      (i32.store8 (i32.const 320) (i32.const 1))
      (i32.store8 (i32.const 324) (i32.const 3))
      (if (i32.eq (local.get $case) (i32.const 0))
        (then (i32.store (i32.const 328) (i32.const 160)) (i32.store (i32.const 332) (i32.const 6))))
      (if (i32.eq (local.get $case) (i32.const 1))
        (then (i32.store (i32.const 328) (i32.const 168)) (i32.store (i32.const 332) (i32.const 9))))
      (if (i32.eq (local.get $case) (i32.const 2))
        (then (i32.store (i32.const 328) (i32.const 184)) (i32.store (i32.const 332) (i32.const 11))))
      (if (i32.eq (local.get $case) (i32.const 3))
        (then (i32.store (i32.const 328) (i32.const 200)) (i32.store (i32.const 332) (i32.const 5)))))
    (func (export "prepare")
      (param $registry i32) (param i32)
      (param $kind i32) (param i32)
      (param $name i32) (param $left i32)
      (param $dry-run i32)
      (result i32)
      (i32.store (i32.const 72) (local.get $name))
      (i32.store (i32.const 76) (local.get $left))
      (block $done
        (loop $next
          (br_if $done (i32.eqz (local.get $left)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (call $send
            (i32.const 152) (i32.const 8)
            (select (i32.const 1) (i32.const 2) (local.get $dry-run))
            (i32.const 64) (i32.const 2)
            (i32.const 96) (i32.const 1)
            (i32.const 704) (i32.const 1)
            (i32.eqz (local.get $dry-run)) (i32.const 144) (i32.const 2)
            (i32.const 256))
          (if (i32.load8_u (i32.const 256))
            (then
              (call $refusal (i32.load8_u (i32.const 260)))
              (return (i32.const 320))))
          (if (i32.ne (i32.load16_u (i32.const 260)) (i32.const 200))
            (then
              ;; error(transient(none))
              (i32.store8 (i32.const 320) (i32.const 1))
              (i32.store8 (i32.const 324) (i32.const 2))
              (return (i32.const 320))))
          (br $next)))
      ;; ok(outcome): created is 1, would-create 2.
      (i32.store8 (i32.const 324)
        (select (i32.const 2) (i32.const 1) (local.get $dry-run)))
      (i32.const 320)))
  (core instance $code (instantiate $plugin
    (with "memory" (instance $memory))
    (with "host" (instance (export "send" (func $send))))))
  (type $attribute (record (field "key" string) (field "value" string)))
  (type $coded (record (field "code" string) (field "message" string)))
  (type $plugin-error
    (variant
      (case "invalid-config" string)
      (case "unauthorized" string)
      (case "transient" (option u32))
      (case "other" $coded)))
  (type $capabilities
    (record
      (field "max-depth" (option u32))
      (field "chunked-upload" bool)
      (field "cross-mount" bool)
      (field "referrers" bool)
      (field "attributes" (list $attribute))))
  (type $scope (record (field "kind" string) (field "name" string)))
  (type $state (enum "ready" "created" "would-create" "read-only"))
  (type $outcome
    (record
      (field "state" $state)
      (field "message" (option string))
      (field "attributes" (list $attribute))))
  (func $describe (param "registry" string)
    (result (result $capabilities (error $plugin-error)))
    (canon lift (core func $code "describe")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (func $scopes (param "registry" string) (param "repositories" (list string))
    (result (result (list (list $scope)) (error $plugin-error)))
    (canon lift (core func $code "scopes")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (func $prepare (param "registry" string) (param "scope" $scope) (param "dry-run" bool)
    (result (result $outcome (error $plugin-error)))
    (canon lift (core func $code "prepare")
      (memory $memory "memory") (realloc (func $memory "realloc"))))
  (instance $repo-type
    (export "attribute" (type $attribute))
    (export "coded" (type $coded))
    (export "plugin-error" (type $plugin-error))
    (export "capabilities" (type $capabilities))
    (export "scope" (type $scope))
    (export "state" (type $state))
    (export "outcome" (type $outcome))
    (export "describe" (func $describe))
    (export "scopes" (func $scopes))
    (export "prepare" (func $prepare)))
  (export "longshore:plugin/repo-type@0.1.0" (instance $repo-type)))
