//! The only YAML walker: documents with byte spans, scalars as Kubernetes reads them, proven edits.
