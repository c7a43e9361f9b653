"""What is decided about failing backends: pure state machines over a clock's numbers, nothing awaited."""
