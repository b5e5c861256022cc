"""`model-config digest`, from a checkout."""

import re
from pathlib import Path


def test_all_models_and_one(run):
    digests = run("digest", "--json").json
    assert list(digests) == ["document_embedding", "passage_reranker", "support_chat"]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in digests.values())
    assert run("digest", "support_chat").out.strip() == digests["support_chat"]
    assert 'did you mean "support_chat"?' in run("digest", "suport_chat", code=2).err
    assert run("digest").out.splitlines()[2] == f"support_chat\t{digests['support_chat']}"


def test_no_digest_of_what_would_not_be_deployed(run, project: Path):
    stack = project / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("temperature: 0.7", "temperature: 7"))
    said = run("digest", code=2)
    assert said.out == ""
    assert "overrides.support_chat.generation.temperature" in said.err
