"""Networks: tensors in, tensors out, written to be read. They know nothing of notes, files or notebooks."""
