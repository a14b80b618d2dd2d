"""What the words of a program say of clusters: the namespaces that it names, and a cluster of its own that nobody cleared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.faults import host
from runner.faults.driver import Provider
from runner.faults.kubernetes import commands


def namespaces(provider: Provider) -> tuple[str, ...]:
    """The namespaces that the arguments of a program or of somebody's own code name; the rest of what they reach is unknown."""
    return tuple(dict.fromkeys(name for names in _places(provider) for name in names))


def unread(provider: Provider) -> bool:
    """Whether it acts on a cluster in a namespace that its words do not name: the context's own, or any other."""
    return not all(_places(provider))


def _places(provider: Provider) -> Iterator[list[str]]:
    """The namespaces that each command on a cluster names; `-n` counts only behind one of the programs that mean a namespace by it."""
    if not host.runs_anything(provider):
        return
    given = provider.get("arguments")
    if provider.get("type") != "process" and isinstance(given, Mapping):
        named = (given.get(key) for key in ("ns", "namespace"))
        if found := [name for name in named if isinstance(name, str) and name]:
            yield found
            return
    for words, own in _commands(provider):
        program = next((i for i, word in enumerate(words) if _CLUSTERS.fullmatch(word)), -1)
        if program >= own:  # else it is an argument of such a command, which is read by itself
            behind = words[program + 1 :]
            behind = behind[: behind.index("--")] if "--" in behind else behind
            yield [name for name in _spaces(behind) if _NAME.fullmatch(name)]


def _spaces(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    listed = False
    """Whether we are behind the word `namespace`, where kubectl has their names."""
    for word in rest:
        if option := _NAMESPACE.fullmatch(word):
            yield option[1] or next(rest, "")
        elif word in _KINDS:
            listed = True
            continue
        elif listed or word.startswith(tuple(f"{kind}/" for kind in _KINDS)):
            yield word.rpartition("/")[2]
        listed = listed and bool(_NAME.fullmatch(word))


def elsewhere(provider: Provider, context: str) -> str:
    """By which words a program, or code that starts one, would leave the cleared cluster: `--context prod-eu`; empty where it does not."""
    if not host.runs_anything(provider):
        return ""
    found = _commands(provider)
    if not any(_PROGRAM.search(word) for command in found for word in command.words):
        return ""
    return next(filter(None, (_leaving(command, context) for command in found)), "")


def _commands(provider: Provider) -> list[commands.Command]:
    """None where no program of clusters is mentioned at all: a long text of something else need not be taken apart."""
    mentioned = re.search(_NAMES, f"{provider.get('path')} {provider.get('arguments')}")
    return commands.of(provider) if mentioned else []


def _leaving(command: commands.Command, context: str) -> str:
    for option, value in _named(command.words, command.own):
        handed = value in _HANDED if "config" in option.lower() else value == context
        if not handed:
            return f"{option} {value}".rstrip()
    return _losing(command.words)


def _named(words: Sequence[str], own: int = 0) -> Iterator[tuple[str, str]]:
    """Each option and variable of a command that says which cluster is meant, with its value.

    `-s` is many programs' own, so it counts where kubectl stands among the command's `own` words, not in those around it.
    """
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if assigned := _ASSIGNED.fullmatch(word):
            yield assigned[1], assigned[2]
        elif option := _OPTION.fullmatch(word):
            yield option[1], following if option[2] is None else option[2]
        elif (short := _SERVER.fullmatch(word)) and _KUBECTL.intersection(
            map(_name, _before_dashes(words[:index])[own:])
        ):
            yield "-s", short[1] or following


_OTHERS = {
    "chmod",
    "chown",
    "cp",
    "install",
    "kill",
    "killall",
    "ln",
    "ls",
    "mv",
    "pkill",
    "rm",
    "service",
    "systemctl",
    "which",
}
"""Programs that may have the name of a cluster's program among their words, and do not start it."""


def _losing(words: Sequence[str]) -> str:
    """What in a command takes the private kubeconfig from the program behind it, which then finds that of its machine."""
    program = next((i for i, word in enumerate(words) if _PROGRAM.search(word) and "=" not in word), None)
    before = [_name(word) for word in words[:program]]
    if "unset" in before and "KUBECONFIG" in before[before.index("unset") :]:
        return "unset KUBECONFIG"
    for index, name in enumerate(before) if program is not None else ():
        options = words[index + 1 : program]
        if any("config" in option.lower() for option, _ in _named(words[index + 1 :])):
            continue  # handed on by name
        if _OTHERS.intersection(before[index + 1 :]):
            continue
        if name in _ANEW and not any(_KEEPING.fullmatch(option) for option in options):
            return f"{name} without the run's KUBECONFIG"
        if name == "env" and (gone := next(filter(_EMPTYING.fullmatch, _of_env(options)), "")):
            return f"env {gone} without the run's KUBECONFIG"
    return ""


def _of_env(words: Sequence[str]) -> Iterator[str]:
    """The options of `env`, with each value in one word with its option, up to the program that it starts."""
    rest = iter(words)
    for word in rest:
        if word in ("-u", "--unset", "-C", "--chdir"):
            yield f"{word}={next(rest, '')}"
        elif word.startswith("-") or "=" in word:
            yield word
        else:
            return


def _before_dashes(words: Sequence[str]) -> list[str]:
    """After `kubectl exec … --` the words are another program's."""
    return [] if "--" in words and _KUBECTL.intersection(map(_name, words[: words.index("--")])) else list(words)


def _name(word: str) -> str:
    return word.rpartition("/")[2]


_NAMES = "(?:kubectl|oc|helm|istioctl|linkerd|argo|flux|kustomize)"
_PROGRAM = re.compile(rf"(?:^|[/=$]){_NAMES}\b")
_KUBECTL = {"kubectl", "oc"}
_HANDED = ("$KUBECONFIG", "${KUBECONFIG}")
_OPTION = re.compile(r"(?:[-\w]*=)?(--kubeconfig|--context|--kube-context|--server|--kube-apiserver)(?:=([^\s;&|]*))?")
_ASSIGNED = re.compile(r"(KUBECONFIG|KUBERNETES_MASTER|HELM_KUBECONTEXT|HELM_KUBEAPISERVER)=([^\s;&|]*)")
_SERVER = re.compile(r"-s=?(\S*)")
_ANEW = ("sudo", "doas", "pkexec")
"""They start a program with an environment of its own, in which no KUBECONFIG of ours is."""
_KEEPING = re.compile(r"-[A-Za-z]*E[A-Za-z]*|--preserve-env(?:=(?:.*,)?KUBECONFIG(?:,.*)?)?")
_EMPTYING = re.compile(r"-|-[a-zA-Z0]*i|--ignore-environment|(?:-u|--unset)=?KUBECONFIG")
_CLUSTERS = re.compile(rf"(?:.*[/=])?{_NAMES}(?:\.exe)?")
_NAMESPACE = re.compile(r"(?:-[it]*n=?|--namespace=)(\S+)|-[it]*n|--namespace")
_KINDS = ("ns", "namespace", "namespaces")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")


def named_in(arguments: Any) -> tuple[str, ...]:
    """The namespace that the arguments of a stock action name."""
    named = arguments.get("ns") if isinstance(arguments, Mapping) else None
    return (str(named),) if named else ()
