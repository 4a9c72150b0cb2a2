//go:build tools

// Package tools names the command that this module builds.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"
