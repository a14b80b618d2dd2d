"""Where a run takes place: the cluster of a kubeconfig; without one the playground that is up, or one of its own."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from runner import errors
from runner.engine.options import Options
from runner.experiment import tree, urls, variables
from runner.experiment.experiment import Experiment
from runner.faults import registry
from runner.faults.driver import Claim, Environment, Where
from runner.faults.kubernetes import context, private_kubeconfig
from runner.faults.kubernetes.context import Context
from runner.faults.kubernetes.driver import Driver as Kubernetes
from runner.playground import start as playground
from runner.probe import proxies
from runner.rundir import paths
from runner.rundir.ledger import Ledger
from runner.rundir.start_message import PlaygroundProcess
from runner.safety import policy

_OTHERWISE = {
    True: "run it against the embedded target with --playground",
    False: "hand the experiment no cluster with --no-cluster",
}
"""What else can be done about a context that is not known, by whether the experiment cannot do without a cluster."""
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The judged context and what the run's processes need in their environment."""

    context: str
    environment: str
    lifeline: int
    """Write end of a pipe that every process of the run holds: at its end the playground ends."""
    env: Mapping[str, str] = field(default_factory=dict)
    playground: PlaygroundProcess | None = None
    """The process of a playground that ends with the run."""
    shared_name: str = ""
    """What is struck, by a name that means the same on every machine; empty where no other machine can strike it."""
    handed: Mapping[str, str] = field(default_factory=dict)
    """Where the kubeconfig that was handed to the run came from; empty where it was handed no cluster."""
    namespace: str = ""
    """The default namespace of its context."""
    urls: tuple[str, ...] = ()
    """Where a playground's services answer."""
    note: str = ""
    """What has to be said of this choice before anything begins."""
    beside: Mapping[str, Environment] = field(default_factory=dict)
    """Environments that actions, by name, strike beside the cluster, because the file accepts them."""

    @property
    def said(self) -> str:
        """Everything that may be struck, for people."""
        return ", ".join(dict.fromkeys(filter(None, [self.context, *map(str, self.beside.values())]))) or "none"

    @property
    def around(self) -> dict[str, str]:
        """The whole environment of the run's processes."""
        return {**os.environ, **self.env}


@asynccontextmanager
async def prepare(options: Options, document: Mapping[str, Any], folder: Path) -> AsyncIterator[Surroundings]:
    """Find the context and judge it, or start a playground; hand it to the run. Raises Refused, UsageError, EnvironmentFailure."""
    read, write = os.pipe()
    try:
        async with _choose(options, document, folder, _Pipe(read, write)) as found:
            yield found
    finally:
        os.close(write)
        os.close(read)
        if not Ledger(folder).outstanding():
            registry.forget(folder)


class _Pipe(NamedTuple):
    """The lifeline, both ends."""

    read: int
    write: int


@asynccontextmanager
async def _choose(
    options: Options, document: Mapping[str, Any], folder: Path, pipe: _Pipe
) -> AsyncIterator[Surroundings]:
    staying = playground.read(paths.playground_dir())
    if staying is not None and not staying.alive():
        staying = None
    target = None if options.playground else _target(options, _claim(document))
    if target is not None:
        yield _cluster(options, folder, target, _claim(document), pipe, staying)
    elif options.playground or _claim(document) is Claim.YES:
        note = "" if options.playground else _implicit(options)
        if staying is not None:
            yield replace(_inside(staying, options, folder, pipe), note=note)
        else:
            async with _playground(options, folder, pipe) as found:
                yield replace(found, note=note)
    else:
        env = private_kubeconfig.hand(folder, None) | _namespace(options)
        yield Surroundings(context="", environment=policy.LOCAL, lifeline=pipe.write, shared_name="no cluster", env=env)


def _claim(document: Mapping[str, Any]) -> Claim:
    """The most that any activity, rollback, control or configuration probe of an experiment has to do with a cluster."""
    return max(map(Kubernetes().claims, tree.providers(document)), default=Claim.NO)


def _target(options: Options, reaches: Claim) -> Context | None:
    """What the experiment could strike with what it is handed; None to hand it nothing, or where there is nothing."""
    asked = bool(options.kubeconfig or options.context)
    if options.no_cluster:
        if asked or reaches is Claim.YES:
            said = "a kubeconfig or context was named" if asked else "this experiment cannot do without a cluster"
            raise errors.UsageError(f"--no-cluster hands the experiment no cluster, and {said}")
        return None
    if reaches is Claim.NO and not asked:
        return None
    try:
        return context.find(options.kubeconfig, options.context)
    except errors.UsageError:
        if asked or reaches is Claim.YES:
            raise
        return None  # a kubeconfig that plain tools could not use either


def _implicit(options: Options) -> str:
    """What to say of a playground that nobody asked for. Raises UsageError where none may take the place of a target."""
    where = "in a gate" if not options.interactive else "in CI" if _in_ci() else ""
    if where:
        raise errors.UsageError(
            f"this experiment needs a cluster, and there is no kubeconfig; {where} the playground is not used unless it is asked for",
            hint="set --kubeconfig or KUBECONFIG; or --playground, to run against the embedded target",
        )
    return "there is no kubeconfig here: this run takes the embedded playground as its target"


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


@asynccontextmanager
async def _playground(options: Options, folder: Path, pipe: _Pipe) -> AsyncIterator[Surroundings]:
    started = await playground.start(folder / "playground", lifeline=pipe.read)
    try:
        ours = PlaygroundProcess(pid=started.pid, created=started.created)
        yield replace(_inside(started, options, folder, pipe), playground=ours)
    finally:
        await started.stop()


def _inside(found: playground.Playground, options: Options, folder: Path, pipe: _Pipe) -> Surroundings:
    target = context.find(str(found.kubeconfig), found.context, {})
    urls = {f"{name.upper()}_URL": url for name, url in found.urls.items()}
    urls |= {f"{name.upper()}_PORT": str(urlsplit(url).port) for name, url in found.urls.items()}
    return Surroundings(
        context=found.context,
        environment=policy.SANDBOX,
        lifeline=pipe.write,
        env=private_kubeconfig.hand(folder, target) | urls | _namespace(options) | proxies.around_us(os.environ),
        handed=private_kubeconfig.origin(target),
        namespace=target.namespace if target else "",
        urls=tuple(found.urls.values()),
    )


def _cluster(
    options: Options,
    folder: Path,
    target: Context,
    reaches: Claim,
    pipe: _Pipe,
    staying: playground.Playground | None,
) -> Surroundings:
    if staying is not None and target.origin == str(staying.kubeconfig.resolve()):
        return _inside(staying, options, folder, pipe)  # with its addresses: its shop may stand on any port
    clearance = policy.judge_context(target.name)
    clearance.require(hint=f"choose one with --context; or {_OTHERWISE[reaches is Claim.YES]}")
    here = urlsplit(target.server).hostname in LOOPBACK
    return Surroundings(
        context=target.name,
        environment=clearance.environment,
        lifeline=pipe.write,
        env=private_kubeconfig.hand(folder, target) | _namespace(options),
        shared_name=f"{target.name} on {platform.node()}" if here else target.name,
        handed=private_kubeconfig.origin(target),
        namespace=target.namespace,
    )


def _namespace(options: Options) -> dict[str, str]:
    return {"SHOP_NAMESPACE": options.namespace} if options.namespace else {}


def require_cleared(where: Surroundings, experiment: Experiment) -> None:
    """A program that names a cluster of its own would strike what nobody cleared. Raises Refused.

    What a secret or a probe says is read when it is known, and before anything is changed: see `depends_on_later_values`.
    """
    led, later = [], _told_later(experiment)
    for provider in tree.providers(experiment.document):
        named = Kubernetes().leaves(_told(provider, experiment), where.context)
        if named and later.isdisjoint(variables.mentioned(named)):
            led.append(f"{_who(provider)} would reach another cluster than the cleared one: {named}")
    if led:
        cleared = f"the context that was cleared is {where.context!r}" if where.context else "no context was cleared"
        hint = (
            f"{cleared}; choose the target with --kubeconfig and --context of chaos-run, "
            "and let programs inherit KUBECONFIG (sudo --preserve-env=KUBECONFIG)"
        )
        raise errors.Refused("the safety policy refuses this run", reasons=led, hint=hint)


def depends_on_later_values(experiment: Experiment) -> bool:
    """Whether a secret or a probe could still send a program to a cluster of its own."""
    later = _told_later(experiment)
    return any(
        Kubernetes().claims(provider) is Claim.PERHAPS and not later.isdisjoint(variables.mentioned(text))
        for provider in (tree.providers(experiment.document) if later else ())
        for _, text in variables.texts(_told(provider, experiment), ())
    )


def _told_later(experiment: Experiment) -> set[str]:
    return variables.declared(experiment.document) - experiment.configuration.keys()


def _told(provider: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
    """With the values that stand in the file, in variables and in the environment."""
    return {**provider, "arguments": variables.substitute(provider.get("arguments"), experiment.configuration)}


def _who(provider: Mapping[str, Any]) -> str:
    return str(provider.get("path") or f"{provider.get('module')}.{provider.get('func')}")


def cleared(where: Surroundings, experiment: Experiment) -> Surroundings:
    """With the environments beside the cluster that its actions strike, as far as the file accepts them by name. Raises Refused."""
    around = Where(context=where.context, configuration=experiment.configuration, env=where.around)
    struck = [
        (str(action.get("name")), registry.environment(action.get("provider") or {}, around))
        for action in (*experiment.actions, *experiment.rollbacks)
    ]
    accepted = experiment.block.accept_environment
    clearance = policy.judge_environments(where.environment, struck, accepted)
    clearance.require()
    return replace(where, environment=clearance.environment, beside=clearance.accepted)


def require_home(where: Surroundings, experiment: Experiment) -> None:
    """A playground that nobody asked for is no target for what watches other services. Raises UsageError."""
    if not where.note:
        return
    here = {_address(url) for url in where.urls}
    asked = [t.url for t in experiment.block.traffic] + [
        str(variables.substitute(u, experiment.configuration)) for u in _http(experiment)
    ]
    whole = [url for url in asked if url.startswith("http") and not urls.unresolved(url)]
    if broken := next(filter(urls.trouble, whole), ""):
        raise errors.UsageError(f"{broken} is no URL: {urls.trouble(broken)}")
    elsewhere = [url for url in whole if _address(url) not in here]
    if elsewhere:
        raise errors.UsageError(
            f"this experiment needs a cluster, and there is no kubeconfig; what it asks at {elsewhere[0]} is not in the playground",
            hint="set --kubeconfig or KUBECONFIG; or --playground, if the playground is meant",
        )


def _http(experiment: Experiment) -> list[str]:
    return [
        str(provider.get("url")) for provider in tree.providers(experiment.document) if provider.get("type") == "http"
    ]


def _address(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname in LOOPBACK else parts.hostname or ""
    return host, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
