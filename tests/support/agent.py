"""What tests of the agent share: its token, and a configuration with every kind of value."""

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
CHAT = {
    "generation": {"temperature": 1.0, "max_tokens": 512, "stop": ["</a>"]},
    "limits": {"a/b": {"c": 1e16}},
    "prompts": {"system": "Grüß {{name}}"},
    "streaming": True,
}
SECRET = "sk-agent-5512"
