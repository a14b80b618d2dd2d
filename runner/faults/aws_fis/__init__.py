"""AWS Fault Injection Service: experiments of its own templates, started by an action and stopped by the undoer."""
