// Writes the embedded Kubernetes schemas: src/schema/data/<minor>.gz.
//
//	go run tools/schemas/main.go v1.33.13 v1.34.4 v1.35.4 v1.36.3 v1.37.2
//
// Everything comes from the Go module k8s.io/kubernetes at that version: the
// definitions from api/openapi-spec/v3, the enums (which those files leave
// out) from pkg/generated/openapi. Descriptions are dropped. The result is
// line based, so that a reader parses only the definitions that it meets:
//
//	kubernetes 1.36.3
//	k<TAB>apps/v1<TAB>Deployment<TAB>N<TAB>deployments<TAB>definition name
//	d<TAB>definition name<TAB>{"type":"object",…}
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

type object = map[string]any

func main() {
	if len(os.Args) < 2 {
		fail("usage: go run tools/schemas/main.go VERSION…")
	}
	for _, version := range os.Args[1:] {
		text := describe(version)
		minor := strings.Join(strings.Split(strings.TrimPrefix(version, "v"), ".")[:2], ".")
		path := filepath.Join("src", "schema", "data", minor+".gz")
		var packed bytes.Buffer
		writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		check(err)
		_, err = writer.Write(text)
		check(err)
		check(writer.Close())
		check(os.WriteFile(path, packed.Bytes(), 0o644))
		fmt.Printf("%s: %d bytes, %d unpacked\n", path, packed.Len(), len(text))
	}
}

func describe(version string) []byte {
	root := module(version)
	files, err := filepath.Glob(filepath.Join(root, "api", "openapi-spec", "v3", "*_openapi.json"))
	check(err)
	if len(files) == 0 {
		fail("no OpenAPI files in " + root)
	}
	sort.Strings(files)
	definitions := object{}
	kinds := map[string]bool{}
	for _, file := range files {
		var document struct {
			Paths      map[string]map[string]any
			Components struct{ Schemas object }
		}
		read(file, &document)
		for name, schema := range document.Components.Schemas {
			definitions[name] = compact(schema.(object))
		}
		byKind := definitionsByKind(document.Components.Schemas)
		for path, operations := range document.Paths {
			if line := kindOf(path, operations, byKind); line != "" {
				kinds[line] = true
			}
		}
	}
	merge(definitions, enums(filepath.Join(root, "pkg", "generated", "openapi", "zz_generated.openapi.go")))
	patch(definitions)
	relax(definitions)

	var out bytes.Buffer
	fmt.Fprintf(&out, "kubernetes %s\n", strings.TrimPrefix(version, "v"))
	for _, line := range sorted(kinds) {
		fmt.Fprintln(&out, line)
	}
	used := reachable(definitions, kinds)
	for _, name := range sorted(used) {
		body, err := json.Marshal(definitions[name])
		check(err)
		fmt.Fprintf(&out, "d\t%s\t%s\n", name, body)
	}
	return out.Bytes()
}

func module(version string) string {
	command := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes@"+version)
	command.Dir = os.TempDir()
	command.Stderr = os.Stderr
	out, err := command.Output()
	check(err)
	var answer struct{ Dir string }
	check(json.Unmarshal(out, &answer))
	return answer.Dir
}

// A path that creates objects of a kind: its collection, not a subresource.
var collection = regexp.MustCompile(`^/(?:api|apis/[^/]+)/[^/]+/(namespaces/\{namespace\}/)?([a-z0-9]+)$`)

func kindOf(path string, operations map[string]any, byKind map[string]string) string {
	found := collection.FindStringSubmatch(path)
	post, ok := operations["post"].(object)
	if found == nil || !ok {
		return ""
	}
	gvk, ok := post["x-kubernetes-group-version-kind"].(object)
	if !ok {
		return ""
	}
	apiVersion := join(gvk["group"].(string), gvk["version"].(string))
	kind := gvk["kind"].(string)
	definition, ok := byKind[apiVersion+" "+kind]
	if !ok {
		fail("no definition for " + apiVersion + " " + kind)
	}
	scope := "C"
	if found[1] != "" {
		scope = "N"
	}
	return strings.Join([]string{"k", apiVersion, kind, scope, found[2], definition}, "\t")
}

func definitionsByKind(schemas object) map[string]string {
	byKind := map[string]string{}
	for name, schema := range schemas {
		kinds, _ := schema.(object)["x-kubernetes-group-version-kind"].([]any)
		for _, entry := range kinds {
			gvk := entry.(object)
			byKind[join(gvk["group"].(string), gvk["version"].(string))+" "+gvk["kind"].(string)] = name
		}
	}
	return byKind
}

func join(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// The keywords that say something about validity; everything else is dropped.
func compact(schema object) object {
	out := object{}
	for key, value := range schema {
		switch key {
		case "type", "format", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
			"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string":
			out[key] = value
		case "$ref":
			out[key] = short(value.(string))
		case "allOf":
			// Always one reference, beside a default and a description.
			out["$ref"] = short(value.([]any)[0].(object)["$ref"].(string))
		case "items", "additionalProperties":
			if inner, ok := value.(object); ok {
				out[key] = compact(inner)
			}
		case "properties":
			properties := object{}
			for name, inner := range value.(object) {
				properties[name] = compact(inner.(object))
			}
			out[key] = properties
		case "default":
			if text, ok := value.(string); ok && text != "" {
				out[key] = value
			}
		}
	}
	if out["format"] == "int-or-string" {
		delete(out, "format")
		out["x-kubernetes-int-or-string"] = true
	}
	return out
}

func short(reference string) string {
	return strings.TrimPrefix(reference, "#/components/schemas/")
}

// Fields that the published definitions call required, and that a real API
// server (1.36.3) takes when they are left out: their zero value is valid.
var leftOut = map[string][]string{
	"io.k8s.api.authentication.v1.TokenRequest":                                                {"audience"},
	"io.k8s.api.batch.v1.PodFailurePolicy":                                                     {"rules"},
	"io.k8s.api.core.v1.HTTPHeader":                                                            {"value"},
	"io.k8s.api.core.v1.ISCSIPersistentVolumeSource":                                           {"lun"},
	"io.k8s.api.core.v1.ISCSIVolumeSource":                                                     {"lun"},
	"io.k8s.api.core.v1.LimitRangeSpec":                                                        {"limits"},
	"io.k8s.api.core.v1.PreferredSchedulingTerm":                                               {"preference"},
	"io.k8s.api.core.v1.SleepAction":                                                           {"seconds"},
	"io.k8s.api.core.v1.Sysctl":                                                                {"value"},
	"io.k8s.api.core.v1.TypedLocalObjectReference":                                             {"kind"},
	"io.k8s.api.discovery.v1.ForZone":                                                          {"name"},
	"io.k8s.api.storage.v1.CSIDriver":                                                          {"spec"},
	"io.k8s.api.storage.v1.TokenRequest":                                                       {"audience"},
	"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion": {"served", "storage"},
	"io.k8s.api.networking.v1.NetworkPolicySpec":                                               {"podSelector"},
	"io.k8s.api.rbac.v1.Role":                                                                  {"rules"},
	"io.k8s.api.rbac.v1.ClusterRole":                                                           {"rules"},
	"io.k8s.api.apps.v1.StatefulSetSpec":                                                       {"serviceName"},
	"io.k8s.api.scheduling.v1.PriorityClass":                                                   {"value"},
}

// A status is the server's own: what an applied one lacks is nobody's mistake.
func isStatus(name string) bool {
	return strings.HasSuffix(name, "Status") || strings.HasSuffix(name, "Condition")
}

func relax(definitions object) {
	for name, value := range definitions {
		definition := value.(object)
		required, ok := definition["required"].([]any)
		if !ok {
			continue
		}
		var kept []any
		for _, field := range required {
			if !isStatus(name) && !slices.Contains(leftOut[name], field.(string)) {
				kept = append(kept, field)
			}
		}
		delete(definition, "required")
		if len(kept) > 0 {
			definition["required"] = kept
		}
	}
}

// What the generated definitions leave to hand-written decoding.
func patch(definitions object) {
	const resource = "io.k8s.apimachinery.pkg.api.resource."
	definitions[resource+"Quantity"] = object{"format": "quantity", "type": []string{"number", "string"}}
	for _, open := range []string{
		"io.k8s.apimachinery.pkg.runtime.RawExtension",
		"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
	} {
		if _, ok := definitions[open]; ok {
			definitions[open] = object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
		}
	}
	const extensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
	for _, open := range []string{"JSON", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrStringArray"} {
		definitions[extensions+open] = object{"x-kubernetes-preserve-unknown-fields": true}
	}
}

func reachable(definitions object, kinds map[string]bool) map[string]bool {
	used := map[string]bool{}
	var follow func(any)
	follow = func(value any) {
		switch value := value.(type) {
		case object:
			if name, ok := value["$ref"].(string); ok && !used[name] {
				if _, known := definitions[name]; !known {
					fail("dangling reference " + name)
				}
				used[name] = true
				follow(definitions[name])
			}
			for _, inner := range value {
				follow(inner)
			}
		}
	}
	for line := range kinds {
		follow(object{"$ref": line[strings.LastIndexByte(line, '\t')+1:]})
	}
	return used
}

// Adds an overlay's enums to the definitions of the same name.
func merge(into object, overlay object) {
	for name, value := range overlay {
		inner, ok := value.(object)
		if !ok {
			into[name] = value
			continue
		}
		if existing, ok := into[name].(object); ok {
			merge(existing, inner)
		}
	}
}

// The enums of the generated Go definitions, as partial schemas by definition name.
func enums(path string) object {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	check(err)
	packages := map[string]string{}
	for _, spec := range file.Imports {
		value, err := strconv.Unquote(spec.Path.Value)
		check(err)
		if spec.Name != nil {
			packages[spec.Name.Name] = value
		}
	}
	byFunction := object{}
	names := map[string]string{}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if function.Name.Name == "GetOpenAPIDefinitions" {
			ast.Inspect(function, func(node ast.Node) bool {
				pair, ok := node.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				call, ok := pair.Value.(*ast.CallExpr)
				if ok {
					names[call.Fun.(*ast.Ident).Name] = modelName(pair.Key, packages)
				}
				return true
			})
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			pair, ok := node.(*ast.KeyValueExpr)
			if ok && ident(pair.Key) == "SchemaProps" {
				if found := enumsOf(pair.Value); found != nil {
					byFunction[function.Name.Name] = found
				}
				return false
			}
			return true
		})
	}
	out := object{}
	for function, schema := range byFunction {
		out[names[function]] = schema
	}
	return out
}

// "k8s.io/api/core/v1.Container" or corev1.Container{}.OpenAPIModelName().
func modelName(key ast.Expr, packages map[string]string) string {
	var full string
	switch key := key.(type) {
	case *ast.BasicLit:
		full, _ = strconv.Unquote(key.Value)
	case *ast.CallExpr:
		literal := key.Fun.(*ast.SelectorExpr).X.(*ast.CompositeLit)
		selector := literal.Type.(*ast.SelectorExpr)
		full = packages[ident(selector.X)] + "." + selector.Sel.Name
	}
	host, rest, _ := strings.Cut(full, "/")
	parts := strings.Split(host, ".")
	for left, right := 0, len(parts)-1; left < right; left, right = left+1, right-1 {
		parts[left], parts[right] = parts[right], parts[left]
	}
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(rest, "/", ".")
}

func enumsOf(expression ast.Expr) object {
	if unary, ok := expression.(*ast.UnaryExpr); ok {
		expression = unary.X
	}
	literal, ok := expression.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	out := object{}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch ident(pair.Key) {
		case "Enum":
			var values []any
			for _, value := range pair.Value.(*ast.CompositeLit).Elts {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				check(err)
				values = append(values, text)
			}
			out["enum"] = values
		case "Properties":
			properties := object{}
			for _, entry := range pair.Value.(*ast.CompositeLit).Elts {
				property := entry.(*ast.KeyValueExpr)
				name, err := strconv.Unquote(property.Key.(*ast.BasicLit).Value)
				check(err)
				if found := enumsOf(property.Value); found != nil {
					properties[name] = found
				}
			}
			if len(properties) > 0 {
				out["properties"] = properties
			}
		case "Items":
			if found := enumsOf(pair.Value); found != nil {
				out["items"] = found
			}
		case "AdditionalProperties":
			if found := enumsOf(pair.Value); found != nil {
				out["additionalProperties"] = found
			}
		case "SchemaProps", "Schema":
			if found := enumsOf(pair.Value); found != nil {
				return found
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func ident(expression ast.Expr) string {
	if found, ok := expression.(*ast.Ident); ok {
		return found.Name
	}
	return ""
}

func sorted(set map[string]bool) []string {
	var out []string
	for key := range set {
		out = append(out, key)
	}
	sort.Strings(out)
	return out
}

func read(path string, into any) {
	text, err := os.ReadFile(path)
	check(err)
	check(json.Unmarshal(text, into))
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "schemas: "+message)
	os.Exit(1)
}
