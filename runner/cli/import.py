"""`chaos-run import BUNDLE`: evidence from another machine, verified and then shown like a run of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from runner import errors


@click.command(name="import")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Only look whether it is as it was exported; nothing is written.")
@click.option("--store", help="The record: a path or a database URL.")
def command(bundle: Path, verify: bool, store: str | None) -> int:
    """Verify BUNDLE and add its run to the record, marked as imported. Needs no network; a second time changes nothing."""
    from runner.store import Store, imported
    from runner.store import bundle as bundles

    found = bundles.check(bundle)
    if found.wrong:
        raise errors.Refused(f"{bundle} is not as it was exported", reasons=found.wrong)
    said = f"{bundle}: {found.run}, {len(found.files)} files as they were exported, seal {found.seal}"
    if verify:
        click.echo(said)
        return errors.ExitCode.PASS
    with Store.open(store) as opened:
        if imported.add(opened, bundle, found):
            click.echo(f"{said}\nimported: chaos-run show {found.run}")
        else:
            click.echo(f"{found.run} is on record already: nothing was changed")
    return errors.ExitCode.PASS
