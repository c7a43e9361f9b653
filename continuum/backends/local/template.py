"""The demonstration model's chat template (Jinja, as llama.cpp runs it): its own one ignores tools without a word.

A model this small does not call a tool because it is told how. It copies: until there is a tool's result to speak
about, the conversation is preceded by a greeting, a call of a tool that is not offered (so that its name is read off
the list, not off the example) and a call of the first tool on offer. Measured on questions about weather, files and
sums, a call begins with a probability of 0.3 to 0.9 so, against 0.02 to 0.2 with instructions alone.
"""

from typing import Final

__all__ = ["CHAT_TEMPLATE"]

CHAT_TEMPLATE: Final = r"""
{%- set state = namespace(answered=false, system='') -%}
{%- set state.system = 'You are a helpful AI assistant named SmolLM, trained by Hugging Face' -%}
{%- for message in messages -%}
  {%- if message['role'] == 'tool' -%}{%- set state.answered = true -%}{%- endif -%}
{%- endfor -%}
{%- if messages and messages[0]['role'] in ['system', 'developer'] -%}
  {%- set state.system = messages[0]['content'] -%}
{%- endif -%}
{{- '<|im_start|>system\n' + state.system -}}
{%- if tools -%}
  {{- '\n\nYou have access to these tools:\n<tools>' -}}
  {%- for tool in tools -%}{{- '\n' + (tool['function'] | tojson) -}}{%- endfor -%}
  {{- '\n</tools>\n\nTo use a tool, answer with its name and its arguments as JSON:\n' -}}
  {{- '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>' -}}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- if tools and not state.answered -%}
  {%- set sample = tools[0]['function'] -%}
  {{- '<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHello! How can I help you?<|im_end|>\n' -}}
  {{- '<|im_start|>user\nWhat time is it in Rome?<|im_end|>\n<|im_start|>assistant\n<tool_call>\n' -}}
  {{- '{"name": "get_time", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>\n<|im_start|>user\n' -}}
  {{- (sample['description'] or ('Please use ' + sample['name'])) + '<|im_end|>\n' -}}
  {{- '<|im_start|>assistant\n<tool_call>\n{"name": ' + (sample['name'] | tojson) + ', "arguments": {' -}}
  {%- if sample['parameters'] and sample['parameters']['properties'] -%}
    {%- for name, schema in sample['parameters']['properties'] | items -%}
      {%- if loop.first -%}
        {{- (name | tojson) + ': ' -}}
        {%- if schema['type'] == 'integer' or schema['type'] == 'number' -%}{{- '1' -}}
        {%- elif schema['type'] == 'boolean' -%}{{- 'true' -}}
        {%- elif schema['type'] == 'array' -%}{{- '[]' -}}
        {%- elif schema['type'] == 'object' -%}{{- '{}' -}}
        {%- else -%}{{- '"example"' -}}
        {%- endif -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- '}}\n</tool_call><|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
  {%- if message['role'] == 'assistant' and message['tool_calls'] -%}
    {{- '<|im_start|>assistant' -}}
    {%- if message['content'] -%}{{- '\n' + message['content'] -}}{%- endif -%}
    {%- for call in message['tool_calls'] -%}
      {{- '\n<tool_call>\n{"name": ' + (call['function']['name'] | tojson) + ', "arguments": ' -}}
      {{- (call['function']['arguments'] | tojson) + '}\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\n' -}}
  {%- elif message['role'] == 'tool' -%}
    {{- '<|im_start|>user\nThe tool answered:\n' + message['content'] -}}
    {{- '\nTell me in one sentence what this means.<|im_end|>\n' -}}
  {%- elif not (loop.first and message['role'] in ['system', 'developer']) -%}
    {{- '<|im_start|>' + ('system' if message['role'] == 'developer' else message['role']) + '\n' -}}
    {{- (message['content'] or '') + '<|im_end|>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
"""
