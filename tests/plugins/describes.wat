;; A repository type that describes every registry like ECR: a blob can be mounted once a manifest
;; names it. A mount from the repository itself gives no information. No repository needs a scope.
;;
;; Memory layout: the result of `describe` at 512, its two attributes at 544, their strings at 576.
;; The result of `scopes` is at 768, the lists of scopes (zeros) start at 1024.
(component
  (core module $plugin
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      ;; Rounds up to the alignment. The host passes only short values here.
      (local.set $at
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    ;; ok; no depth; chunked-upload, cross-mount, no referrers; two attributes.
    (data (i32.const 512) "\00\00\00\00\00\00\00\00\00\00\00\00\01\01\00\00\20\02\00\00\02\00\00\00")
    (data (i32.const 544) "\40\02\00\00\14\00\00\00\60\02\00\00\04\00\00\00")
    (data (i32.const 560) "\54\02\00\00\0f\00\00\00\64\02\00\00\05\00\00\00")
    (data (i32.const 576) "mount-after-manifestmount-from-self")
    (data (i32.const 608) "truefalse")
    (func (export "describe") (param i32 i32) (result i32)
      (i32.const 512))
    (func (export "scopes") (param i32 i32) (param i32) (param $left i32) (result i32)
      ;; The maximum number that fits.
      (if (i32.gt_u (local.get $left) (i32.const 256)) (then unreachable))
      (i32.store (i32.const 768) (i32.const 0))
      (i32.store (i32.const 772) (i32.const 1024))
      (i32.store (i32.const 776) (local.get $left))
      (i32.const 768))
    (func (export "prepare")
      (param i32 i32) (param i32 i32) (param i32 i32) (param i32) (result i32)
      unreachable))
  (core instance $code (instantiate $plugin))
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
      (memory $code "memory") (realloc (func $code "realloc"))))
  (func $scopes (param "registry" string) (param "repositories" (list string))
    (result (result (list (list $scope)) (error $plugin-error)))
    (canon lift (core func $code "scopes")
      (memory $code "memory") (realloc (func $code "realloc"))))
  (func $prepare (param "registry" string) (param "scope" $scope) (param "dry-run" bool)
    (result (result $outcome (error $plugin-error)))
    (canon lift (core func $code "prepare")
      (memory $code "memory") (realloc (func $code "realloc"))))
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
