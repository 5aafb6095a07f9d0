"""Lines typed in prompt_toolkit: several in one prompt, pastes, history, completion."""

import sys
from collections.abc import Iterable
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.named_commands import get_by_name
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.renderer import Renderer
from prompt_toolkit.styles import Style

from aios.client.terminal import Terminal
from aios.client.typed import Complete, Kept, risk
from aios.text import visible

_COLOURS = {"red": "bold ansired", "yellow": "bold ansiyellow", "green": "bold ansigreen"}
_MARKS = {
    # A colour, if only the terminal's own: blanks that have none are stepped over, not written.
    "label": "ansidefault",
    # No bar, no shades that a terminal may not have.
    "completion-menu": "noinherit", "completion-menu.completion.current": "noinherit reverse",
    "scrollbar.background": "noinherit", "scrollbar.button": "noinherit",
}  # fmt: skip


def _style(*, coloured: bool) -> Style:
    colours = _COLOURS if coloured else dict.fromkeys(_COLOURS, "ansidefault")
    return Style.from_dict(_MARKS | colours)


class Editor:
    """As aios.client.typed.Lines has it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._kept = Kept()
        self._complete: Complete = lambda _line: []
        self._input = create_input()
        self._output = _Output.from_pty(sys.stdout)
        history = InMemoryHistory(self._kept.lines)
        self._prompts = self._session(history, _keys(lines=True))
        self._edits = self._session(InMemoryHistory(), _keys(lines=False))
        self._history = history

    def _session(self, history: InMemoryHistory, keys: KeyBindings) -> PromptSession[str]:
        style = _style(coloured=self._terminal.coloured)
        session: PromptSession[str] = PromptSession(
            input=self._input,
            output=self._output,
            history=history,
            key_bindings=keys,
            multiline=True,
            prompt_continuation=lambda width, _row, _wraps: " " * width,
            complete_while_typing=False,
            completer=_Candidates(lambda line: self._complete(line)),
            style=style,
            include_default_pygments_style=False,
            color_depth=None if self._terminal.coloured else ColorDepth.DEPTH_1_BIT,
            enable_suspend=True,
            reserve_space_for_menu=6,
        )
        session.app.renderer = _Renderer(style, self._output)
        return session

    def prompt(self, name: str) -> str:
        label = FormattedText([(f"class:{risk(name)}", f"[{visible(name)}] > ")])
        return self._prompts.prompt(label)

    def edit(self, label: str, text: str = "") -> str:
        self._terminal.fresh_line()
        return self._edits.prompt(FormattedText([("class:label", label)]), default=text)

    def keep(self, line: str) -> None:
        # prompt_toolkit has taken it into its own history already.
        self._kept.add(line)

    def forget(self) -> None:
        clear_typeahead(self._input)

    def complete(self, complete: Complete) -> None:
        self._complete = complete


class _Output(Vt100_Output):
    @property
    def responds_to_cpr(self) -> bool:
        """A terminal that is asked where its cursor is may answer too late, into what runs next."""
        return False


class _Renderer(Renderer):
    """A line that is done stands as it was typed: it is not written a second time, which
    whoever reads along, a screen reader or a script, would take for another one."""

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        # Another style would be another text.
        app.exit_style = ""
        super().render(app, layout)
        if not is_done:
            return
        screen = self.last_rendered_screen
        below = 0
        if screen is not None and layout.current_window in screen.cursor_positions:
            below = screen.height - 1 - screen.cursor_positions[layout.current_window].y
        self.output.cursor_down(below)
        self.output.reset_attributes()
        self.output.enable_autowrap()
        self.output.write_raw("\r\n")
        self.reset()


class _Candidates(Completer):
    def __init__(self, complete: Complete) -> None:
        self._complete = complete

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        line = document.current_line_before_cursor
        word = "" if line[-1:].isspace() or not line else line.split()[-1]
        for candidate in self._complete(line):
            # A menu shows what the word becomes; control characters of a file's name as marks.
            yield Completion(candidate, start_position=-len(word), display=visible(candidate))


def _keys(*, lines: bool) -> KeyBindings:
    """lines: Ctrl-C on an empty prompt and Ctrl-D are prompt_toolkit's own in both."""
    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion:
            # Enter takes what the menu shows, and the next one sends.
            buffer.complete_state = None
            return
        buffer.cursor_position = len(buffer.text)
        buffer.validate_and_handle()

    if lines:

        @keys.add("escape", "enter")
        def _new_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

    keys.add("c-v")(get_by_name("quoted-insert"))
    return keys
