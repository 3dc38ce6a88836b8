package render

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"reflect"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// Charts make keys and certificates, which takes seconds in a sandbox and would decide how long many charts
// take. Nobody uses these keys, because nothing is installed. So all of them are the same RSA key, and only
// the certificates are made anew. The functions return what Helm's would, of another random key.

// The primes of that key. It protects nothing.
const (
	firstPrime = "ce645c6c597b1b8afb55d57a6b0cd29a54a07b9b68fe9132fd5827f6a5b2737129cd0125d1995bcbf7e5267c2a97675c" +
		"eca4f0f7514dcd7ccf00ce26411fe4ab8fb107222d7a05b9669e05dc713bb39c2d9454d773341dfd0b0a849171682b28" +
		"09f47ed1e8445392f4cc23890e7e102075a808836641337141633bfc4ab9b273"
	secondPrime = "eaaffb121ab6e4d0ad27f41ae543121fb05a1c94d1df77fa73059adc0590c22b251721a14e3c379dc9c84bea20b4070a" +
		"129b55c4e112c0a84dd8cc10aacd81c0fd9ebcb205d97c3b6f3ef8dea9321751fd68771a0bf5e6d5c854798ae7248a7c" +
		"891083cf34e067a7a66ccf734e9675a76d4de69ba13b4e3da14943192d2f99b3"
)

// key returns the key as Helm's functions write it.
var key = sync.OnceValues(func() (string, error) {
	p, okP := new(big.Int).SetString(firstPrime, 16)
	q, okQ := new(big.Int).SetString(secondPrime, 16)
	if !okP || !okQ {
		return "", errors.New("invalid prime")
	}
	one := big.NewInt(1)
	order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	private := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), order),
		Primes:    []*big.Int{p, q},
	}
	private.Precompute()
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}
	return string(pem.EncodeToMemory(block)), nil
})

// keyFunctions returns the functions for templates that use this key.
func keyFunctions() template.FuncMap {
	helm := sprig.TxtFuncMap()
	// Calls the variant of a function that takes a key.
	with := func(name string, arguments ...any) (any, error) {
		text, err := key()
		if err != nil {
			return nil, err
		}
		var values []reflect.Value
		for _, argument := range append(arguments, text) {
			values = append(values, reflect.ValueOf(argument))
		}
		results := reflect.ValueOf(helm[name]).Call(values)
		if err, failed := results[1].Interface().(error); failed {
			return nil, err
		}
		return results[0].Interface(), nil
	}
	private := reflect.ValueOf(helm["genPrivateKey"])
	return template.FuncMap{
		"genCA": func(name string, days int) (any, error) {
			return with("genCAWithKey", name, days)
		},
		"genSelfSignedCert": func(name string, ips, dns []any, days int) (any, error) {
			return with("genSelfSignedCertWithKey", name, ips, dns, days)
		},
		"genSignedCert": func(name string, ips, dns []any, days int, ca any) (any, error) {
			return with("genSignedCertWithKey", name, ips, dns, days, ca)
		},
		"genPrivateKey": func(kind string) (string, error) {
			if kind == "" || kind == "rsa" {
				return key()
			}
			return private.Call([]reflect.Value{reflect.ValueOf(kind)})[0].String(), nil
		},
	}
}
