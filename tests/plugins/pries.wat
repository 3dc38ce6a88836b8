;; A list format that tries to escape from its sandbox: environment, arguments, files, sockets,
;; names. It returns one diagnostic per finding. The line is the number of the finding:
;;
;; 1: so many environment variables (as column)   2: so many arguments      3: so many open folders
;; 4: tcp sockets (the error's number from 1, 0 if one was made)            5: looking up a name, same
;; 6: the wall clock's seconds                    7: four random bytes
;;
;; Memory layout: the result at 0, the diagnostics (20 bytes each) at 64, the results of imports at
;; 256, the name at 320.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:filesystem/types@0.2.0" (instance $files
    (export "descriptor" (type (sub resource)))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $its))
    (export "descriptor" (type $descriptor (eq $its)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $codes (enum
      "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
      "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused"
      "connection-reset" "connection-aborted" "datagram-too-large" "name-unresolvable"
      "temporary-resolver-failure" "permanent-resolver-failure"))
    (export "error-code" (type (eq $codes)))
    (type $families (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $families)))))
  (alias export $network "network" (type $net))
  (alias export $network "error-code" (type $error))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/instance-network@0.2.0" (instance $instance
    (alias outer 1 $net (type $its))
    (export "network" (type $network (eq $its)))
    (export "instance-network" (func (result (own $network))))))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
    (alias outer 1 $error (type $its-error))
    (export "error-code" (type $error (eq $its-error)))
    (alias outer 1 $family (type $its-family))
    (export "ip-address-family" (type $family (eq $its-family)))
    (alias outer 1 $socket (type $its-socket))
    (export "tcp-socket" (type $socket (eq $its-socket)))
    (export "create-tcp-socket" (func (param "address-family" $family)
      (result (result (own $socket) (error $error)))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $names
    (alias outer 1 $error (type $its-error))
    (export "error-code" (type $error (eq $its-error)))
    (alias outer 1 $net (type $its-network))
    (export "network" (type $network (eq $its-network)))
    (export "resolve-address-stream" (type $stream (sub resource)))
    (export "resolve-addresses" (func (param "network" (borrow $network)) (param "name" string)
      (result (result (own $stream) (error $error)))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $clock
    (type $moment (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $moment)))
    (export "now" (func (result $datetime)))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  ;; The memory that imports write to. It must exist before the module that calls them.
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
  (core func $environment (canon lower (func $environment "get-environment")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $arguments (canon lower (func $environment "get-arguments")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $directories (canon lower (func $preopens "get-directories")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $instance-network (canon lower (func $instance "instance-network")))
  (core func $tcp (canon lower (func $create "create-tcp-socket") (memory $memory "memory")))
  (core func $lookup (canon lower (func $names "resolve-addresses") (memory $memory "memory")))
  (core func $now (canon lower (func $clock "now") (memory $memory "memory")))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core module $plugin
    (import "host" "environment" (func $environment (param i32)))
    (import "host" "arguments" (func $arguments (param i32)))
    (import "host" "directories" (func $directories (param i32)))
    (import "host" "instance-network" (func $instance-network (result i32)))
    (import "host" "tcp" (func $tcp (param i32 i32)))
    (import "host" "lookup" (func $lookup (param i32 i32 i32 i32)))
    (import "host" "now" (func $now (param i32)))
    (import "host" "random" (func $random (param i64 i32)))
    (import "memory" "memory" (memory 1))
    (func (export "probe") (param i32 i32 i32 i32) (result i32)
      (i32.const 1))
    (data (i32.const 12) "\40\00\00\00\07\00\00\00")
    (data (i32.const 320) "example.com")
    (func $find (param $line i32) (param $column i32)
      (local $at i32)
      (local.set $at
        (i32.add (i32.const 44) (i32.mul (local.get $line) (i32.const 20))))
      (i32.store offset=4 (local.get $at) (local.get $line))
      (i32.store offset=8 (local.get $at) (local.get $column)))
    ;; The error number of a `result<handle, error-code>` at 256, counted from 1; 0 for success.
    (func $refused (result i32)
      (if (result i32) (i32.load8_u (i32.const 256))
        (then (i32.add (i32.load8_u (i32.const 260)) (i32.const 1)))
        (else (i32.const 0))))
    (func (export "parse") (param i32 i32 i32 i32) (result i32)
      (call $environment (i32.const 256))
      (call $find (i32.const 1) (i32.load (i32.const 260)))
      (call $arguments (i32.const 256))
      (call $find (i32.const 2) (i32.load (i32.const 260)))
      (call $directories (i32.const 256))
      (call $find (i32.const 3) (i32.load (i32.const 260)))
      (call $tcp (i32.const 0) (i32.const 256))
      (call $find (i32.const 4) (call $refused))
      (call $lookup (call $instance-network) (i32.const 320) (i32.const 11) (i32.const 256))
      (call $find (i32.const 5) (call $refused))
      (call $now (i32.const 256))
      (call $find (i32.const 6) (i32.load (i32.const 256)))
      (call $random (i64.const 4) (i32.const 256))
      (call $find (i32.const 7) (i32.load (i32.load (i32.const 256))))
      (i32.const 0)))
  (core instance $code (instantiate $plugin
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "environment" (func $environment))
      (export "arguments" (func $arguments))
      (export "directories" (func $directories))
      (export "instance-network" (func $instance-network))
      (export "tcp" (func $tcp))
      (export "lookup" (func $lookup))
      (export "now" (func $now))
      (export "random" (func $random))))))
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
