"""AWS FIS: a template stays in AWS, which obeys it; the experiment starts it by its id and says what it would do."""

from __future__ import annotations

import re
from typing import Any

from runner import units
from runner.conversion.draft import Draft, action
from runner.conversion.fields import Field

MODULE, FUNC, STOP = "runner.faults.aws_fis.actions", "start_experiment", "stop_experiment"
VARIABLE = "FIS_TEMPLATE_ID"
BEGINS_S, UNSTATED_S = 10.0, 60.0
"""What FIS takes to begin an action beside the time that it states; and what is left to one that states none."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_ALARM = re.compile(r"arn:[\w-]+:cloudwatch:([^:]*):[^:]*:alarm:(.+)")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def claims(tree: Any) -> bool:
    """Whether a document is a template, as `get-experiment-template` answers or as `create-experiment-template` takes it."""
    inner = tree.get("experimentTemplate", tree) if isinstance(tree, dict) else None
    actions = inner.get("actions") if isinstance(inner, dict) else None
    return isinstance(actions, dict) and any(isinstance(a, dict) and "actionId" in a for a in actions.values())


def convert(root: Field) -> Draft:
    """One template."""
    template = root["experimentTemplate"] if "experimentTemplate" in root.value else root
    identity, configuration = _identity(template)
    name = str(template["tags"]["Name"].value or template["description"].value or template["id"].value or "fis")[:60]
    does = [_said(one, template["targets"]) for one in template["actions"].fields()]
    lasts_s = max((_ends(one, template["actions"], ()) for one in template["actions"].fields()), default=0.0)
    alarms, hints = _stops(template["stopConditions"])
    about = template["description"].text()
    region = _region(str(template["arn"].value or "")) or next((one["region"] for one in alarms if "region" in one), "")
    if region:
        configuration["aws_region"] = region
    else:
        hints.append("The region is not in the template: aws_region under configuration:, or AWS_REGION, says it.")
    step = f"start-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"
    hints.append(f"An AWS account is on no list of sandboxes (docs/safety.md): accept_environment: [{step}]")
    _leave(template)
    for one in template["actions"].fields():
        if not _seconds(one):
            one["parameters"]["duration"].assume(
                f"{UNSTATED_S:g}s",
                "the action states no time: the pause has room for so long, and then the rollback stops what still runs",
            )
    hints.append(
        f"The pause is what the actions state one after another, and {BEGINS_S:g} s for each of them to begin."
    )
    return Draft(
        name=name,
        title=name,
        description=f"{about}{'. ' if about else ''}A template of AWS FIS: {'; '.join(does)}.",
        tags=("aws", "fis"),
        configuration=configuration,
        rollbacks=(action(f"stop-{step.removeprefix('start-')}", MODULE, STOP, {"template_id": identity}),),
        method=(action(step, MODULE, FUNC, {"template_id": identity}, lasts_s=lasts_s),),
        block={"detection": alarms} if alarms else {},
        hints=tuple(hints),
    )


def _identity(template: Field) -> tuple[str, dict[str, Any]]:
    """The id by which it is started; of one that was never created, a variable."""
    if text := template["id"].text():
        return text, {}
    why = "create the template first (aws fis create-experiment-template --cli-input-json file://…), and give its id in this variable"
    template["id"].assume(f"${{{VARIABLE}}}", why)
    return "${fis_template_id}", {"fis_template_id": {"type": "env", "key": VARIABLE}}


def _said(one: Field, targets: Field) -> str:
    """One action in words: what, for how long, and on whom."""
    aims = [_target(targets[str(named.value)]) for named in one["targets"].fields()]
    seconds = _seconds(one)
    lasts = f" for {units.format_duration(seconds)}" if seconds else ""
    on = f" on {', '.join(aims)}" if aims else ""
    return f"{one.key} ({one['actionId'].value}){lasts}{on}"


def _target(target: Field) -> str:
    picked = [f"{tag.key}={tag.value}" for tag in target["resourceTags"].fields()]
    picked += [str(arn.value) for arn in target["resourceArns"].items()]
    chosen = " with ".join(part for part in (str(target["resourceType"].value or ""), ", ".join(picked)) if part)
    return f"{target.key} ({chosen}; {target['selectionMode'].value or 'ALL'})"


def _ends(one: Field, actions: Field, above: tuple[str, ...]) -> float:
    """When an action is over: it begins when those before it have ended."""
    name = str(one.key)
    if name in above:
        one["startAfter"].refuse(f"the action {name!r} starts after itself")
    before = [actions[str(other.value)] for other in one["startAfter"].items()]
    begins_s = max((_ends(other, actions, (*above, name)) for other in before), default=0.0) + BEGINS_S
    return begins_s + (_seconds(one) or UNSTATED_S)


def _seconds(one: Field) -> float:
    """The longest of the durations that it states."""
    stated = (_iso(str(given.value)) for given in one["parameters"].fields() if "uration" in str(given.key))
    return max(stated, default=0.0)


def _iso(text: str) -> float:
    found = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    return days * 86400.0 + hours * 3600 + minutes * 60 + seconds


def _stops(conditions: Field) -> tuple[list[dict[str, Any]], list[str]]:
    """Alarms as sources of detection; FIS itself goes on stopping by them."""
    alarms: list[dict[str, Any]] = []
    hints: list[str] = []
    for one in conditions.items():
        found = _ALARM.fullmatch(str(one["value"].value or ""))
        if found:
            region, name = _region(one["value"].value), found[2]
            alarms.append({"cloudwatch": [name]} | ({"region": region} if region else {}))
            one.leave("FIS stops by it; the run hears the same alarm as detection, and does not abort by it")
        elif one["source"].value == "none":
            one.leave("the template has no stop condition")
            hints.append(
                "The template has no stop condition, and our driver does not start it so. Give it an alarm; or, where it may"
            )
            hints.append("go on whatever happens, accept_no_stop_condition: true beside template_id.")
        else:
            one.leave("FIS stops by it; nothing here hears it")
    return alarms, hints


def _region(arn: Any) -> str:
    parts = str(arn).split(":")
    return parts[3] if len(parts) > 3 and _REGION.fullmatch(parts[3]) else ""


def _leave(template: Field) -> None:
    """Everything that FIS itself obeys."""
    why = "it stays in the template: FIS obeys it"
    template["actions"].leave(f"{why}; the description says what it does")
    template["targets"].leave(f"{why}; the plan says whom it hits")
    for key in ("roleArn", "tags", "logConfiguration", "experimentReportConfiguration", "experimentOptions"):
        template[key].leave(why)
    if template["experimentOptions"]["emptyTargetResolutionMode"].value == "skip":
        template["experimentOptions"].leave(f"{why}; our driver starts none that goes on without a target: set fail")
    for key in ("arn", "creationTime", "lastUpdateTime", "targetAccountConfigurationsCount"):
        template[key].leave("AWS keeps it beside the template")
    template["clientToken"].lose("it is only for creating the template")
