//! Values to bytes: text, JSON, YAML. No decisions.
