"""An editor's side of the Agent Client Protocol, for tests of agents: files, terminals, permissions, all switchable.

```python
async with open_ide(["continuum", "--mode", "stdio"]) as ide:
    ide.permissions.answers.append("allow_once")
    session = await ide.new_session("/project")
    assert await ide.prompt(session, "mend the test") == {"stopReason": "end_turn"}
    print(ide.said(), ide.desk.terminals)
```
"""

from continuum.testing.ide.desk import Desk, Terminal
from continuum.testing.ide.ide import AgentError, Ide, Json, open_ide
from continuum.testing.ide.permissions import Answer, Permissions

__all__ = ["AgentError", "Answer", "Desk", "Ide", "Json", "Permissions", "Terminal", "open_ide"]
