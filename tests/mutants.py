"""Mutants: the lines that decide, each broken in turn; the tests named beside it must fail. `make mutants`.

A line that nobody's test misses is a promise that nobody holds. Each mutant is tried in a copy of the tree, so that the tests'
child processes run the broken line too. The list is short on purpose: what decides over a verdict, an abort, an undo or a lock.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__")


@dataclass(frozen=True)
class Mutant:
    """One broken line: what stands there (once in the file), what stands there instead, and who must notice."""

    file: str
    line: str
    broken: str
    tests: str
    """Arguments of pytest."""


RECOVERY = "tests/slo/test_moments.py tests/slo/test_scripts.py"
VERDICTS = "tests/slo/test_verdict.py tests/slo/test_tables.py"
MUTANTS = (
    Mutant("runner/errors.py", '    ExitCode.FAIL: "fail",\n    ExitCode.ABORTED: "aborted",\n',
           '    ExitCode.ABORTED: "aborted",\n    ExitCode.FAIL: "fail",\n', "tests/engine/test_run_verdict.py"),
    Mutant("runner/engine/conclude/verdict_and_exit_code.py", "record.ttr_s > within", "False", "tests/engine/test_run_verdict.py"),
    Mutant("runner/engine/conclude/verdict_and_exit_code.py", "record.ttd_s > within:", "False:", "tests/engine/test_run_verdict.py"),
    Mutant("runner/engine/conclude/verdict_and_exit_code.py", "or record.ttd_s > within_s:", "or True:",
           "tests/engine/test_run_verdict.py"),
    Mutant("runner/engine/observe/alert_findings.py", "elif clear.due:", "elif False:", "tests/engine/test_alerted.py"),
    Mutant("runner/engine/observe/alert_findings.py", "if watched_s < limit_s else", "if False else", "tests/engine/test_alerted.py"),
    Mutant("runner/engine/conclude/verdict_and_exit_code.py", 'if name in effective)', "if False)", "tests/engine/test_run_verdict.py"),
    Mutant("runner/engine/conclude/verdict_and_exit_code.py", "if not wait.met)", "if False)", "tests/engine/test_run_verdict.py"),
    Mutant("runner/chaostoolkit/worker.py", "if self.waits.play(activity):", "if self.waits.play(activity) or True:",
           "tests/journeys/test_waits.py -k time"),
    Mutant("runner/engine/preflight/repeated.py", "((refusal,) if elsewhere else ())", "()", "tests/engine/test_repeated.py"),
    Mutant("runner/engine/preflight/admission.py", "if pin not in hit]", "if False]", "tests/engine/test_aimed.py"),
    Mutant("runner/chaostoolkit/worker.py", "return activity if given is None else", "return activity if True else",
           "tests/engine/test_aimed.py"),
    Mutant("runner/slo/difference.py", "return not self.few and", "return", "tests/slo/test_difference.py"),
    Mutant("runner/slo/difference.py", "phi = max(first.dispersion, second.dispersion)", "phi = 1.0", "tests/slo/test_difference.py"),
    Mutant("runner/slo/difference.py", "(1 + CONFIDENCE) / 2", "CONFIDENCE - 0.3", "tests/slo/test_difference.py"),
    Mutant("runner/engine/observe/guard_loop.py", "        self._on_duty = None\n\n    def expect_recovery",
           "        pass\n\n    def expect_recovery",
           "tests/journeys/test_verdicts.py -k way_back"),
    Mutant("runner/engine/preflight/admission.py", "            if not ours:\n", "            if False:\n", "tests/engine/test_locks.py"),
    Mutant("runner/engine/preflight/admission.py", "if answer.held is False:", "if False:", "tests/engine/test_locks.py"),
    Mutant("runner/engine/preflight/admission.py", "continue  # an API server that was hit itself", "return  #",
           "tests/engine/test_locks.py"),
    Mutant("runner/slo/guards/check.py", "            if lasted < limit:\n", "            if True:\n", "tests/slo/test_check_guard.py"),
    Mutant("runner/engine/preflight/baseline.py", " and not unwell\n", "\n", "tests/journeys/test_ready_checks.py -k before"),
    Mutant("runner/slo/checked.py", "if not point.bad:", "if True:", "tests/slo/test_check_guard.py"),
    Mutant("runner/checks/check.py", "bad = self.bad.holds(found.value, at)", "bad = False", "tests/checks/test_table.py"),
    Mutant("runner/checks/objects.py", "        if not found:\n", "        if False:\n", "tests/checks/test_objects.py"),
    Mutant("runner/checks/histogram.py", "    if below > limit:\n", "    if True:\n", "tests/probe/checks/test_prometheus.py -k buckets"),
    Mutant("runner/engine/observe/checks.py", "        if self._failed:\n", "        if False:\n",
           "tests/journeys/test_ready_checks.py -k start"),
    Mutant("runner/faults/kubernetes/lease.py", "if _alive(found) and", "if False and", "tests/playground/test_lease.py"),
    Mutant("runner/faults/kubernetes/lease.py", "found.spec.renew_time = datetime.now(UTC)\n", "pass\n", "tests/playground/test_lease.py"),
    Mutant("runner/faults/kubernetes/lease.py", "datetime.now(UTC) < renewed + lasts", "True", "tests/playground/test_lease.py"),
    Mutant("runner/safety/policy.py", "if is_sandbox(where):", "if True:", "tests/safety/test_policy.py"),
    Mutant("runner/safety/policy.py", "(not where.system and run == SANDBOX)", "not where.system", "tests/safety/test_policy.py"),
    Mutant("runner/safety/policy.py", "reasons=tuple(_reasons(refused))", "reasons=()", "tests/safety/test_policy.py"),
    Mutant("runner/safety/policy.py", "    if not requires_undo(request.environment):", "    if True:", "tests/safety/test_policy.py"),
    Mutant("runner/undo/player.py", "ATTEMPTS = 3", "ATTEMPTS = 1", "tests/undo/test_player.py"),
    Mutant("runner/undo/steps.py", "if output is False:", "if output == ():", "tests/undo/test_player.py"),
    Mutant("runner/rundir/ledger.py", "reversed(", "iter(", "tests/rundir/test_ledger.py"),
    Mutant("runner/engine/preflight/admission.py", " or registry.knows_any(tree.providers(experiment.document))", "",
           "tests/journeys/test_plugged_driver.py"),
    Mutant("runner/faults/chaos_mesh/status.py", 'return self.phase == "Injected" and self.applied and self.injected >= 1',
           'return self.phase != "gone"', "tests/faults/test_chaos_mesh.py -k 'not_believed or no_success'"),
    Mutant("runner/faults/chaos_mesh/status.py", "if sides is None or r.get(\"selectorKey\") in sides", "if True",
           "tests/faults/test_chaos_mesh.py -k side_that_is_disturbed"),
    Mutant("runner/faults/chaos_mesh/undoing.py", 'return found if labels.get(identity.LABEL) == of["run"] else None', "return found",
           "tests/faults/test_chaos_mesh.py -k is_not_touched"),
    Mutant("runner/faults/chaos_mesh/undoing.py", "    if poisoned:\n", "    if False:\n",
           "tests/faults/test_chaos_mesh.py -k rules_that_a_pod_keeps"),
    Mutant("runner/faults/chaos_mesh/evidence.py", "confirmed=bool(known) and len(changed) == len(hit)", "confirmed=bool(known)",
           "tests/faults/test_chaos_mesh.py -k as_they_were"),
    Mutant("runner/faults/chaos_mesh/evidence.py", "confirmed=bool(names) and len(risen) == len(names)", "confirmed=bool(names)",
           "tests/faults/test_chaos_mesh.py -k says_injected_and_does_nothing"),
    Mutant("runner/faults/chaos_mesh/wanted.py", "    _selector(\"selector\", spec.get(\"selector\"))\n", "",
           "tests/faults/test_chaos_mesh.py -k 'would_strike_more and selector'"),
    Mutant("runner/faults/toxiproxy/driver.py", "                elif identity.is_of(self._run, toxic):\n", "                elif False:\n",
           "tests/faults/test_toxiproxy.py -k conforms"),
    Mutant("runner/faults/toxiproxy/driver.py", "        if not found[\"enabled\"]:\n            return False",
           "        if False:\n            return False", "tests/faults/test_toxiproxy.py -k disabled"),
    Mutant("runner/faults/toxiproxy/driver.py", "return False, f\"{where} is disabled, and {reached}:{port} takes",
           "return True, f\"{where} is disabled, and {reached}:{port} takes", "tests/faults/test_toxiproxy.py -k said_to_be"),
    Mutant("runner/faults/toxiproxy/client.py", "if found is None or all(toxic[\"name\"] != sign for toxic in found[\"toxics\"]):",
           "if found is None:", "tests/faults/test_toxiproxy.py -k somebody_else_disabled"),
    Mutant("runner/faults/toxiproxy/client.py", "            if problem.status != 409:\n", "            if True:\n",
           "tests/faults/test_toxiproxy.py -k leftover"),
    Mutant("runner/faults/toxiproxy/page.py", "    return False, f\"{len(now)} pages", "    return True, f\"{len(now)} pages",
           "tests/faults/test_toxiproxy.py -k not_on_the_way"),
    Mutant("runner/faults/toxiproxy/driver.py", "return process is not None and not processes.is_alive(", "return bool(",
           "tests/faults/test_toxiproxy.py -k playground_a_toxic"),
    Mutant("runner/faults/postgresql/driver.py", 'if found is None or found["limit"] != args["ours"]:', "if found is None:",
           "tests/faults/test_postgresql.py -k meanwhile_stays"),
    Mutant("runner/faults/postgresql/driver.py", ' and found["sessions"] <= known["ours"]', "",
           "tests/faults/test_postgresql.py -k no_effect"),
    Mutant("runner/faults/postgresql/actions.py", "    if role[\"superuser\"]:\n", "    if False:\n",
           "tests/faults/test_postgresql.py -k nothing_away"),
    Mutant("runner/faults/postgresql/actions.py", "    if why := obstacle(role, before, wanted):\n", "    if why := \"\":\n",
           "tests/faults/test_postgresql.py -k nothing_away"),
    Mutant("runner/faults/postgresql/client.py", "    if parts.get(\"password\"):\n", "    if False:\n",
           "tests/faults/test_postgresql.py -k password"),
    Mutant("runner/playground/balancer.py", "            side.flow.release(now, present)\n", "            pass\n",
           "tests/playground/test_links.py -k without_breaking"),
    Mutant("runner/playground/balancer.py", "    except OSError:\n        return False\n    return True",
           "    finally:\n        pass\n    return True",
           "tests/playground/test_balancer.py -k takes_nobody"),
    Mutant("runner/safety/policy.py", '"toxiproxy": ("127.0.0.1:*"', '"toxiproxy": ("*:*"',
           "tests/faults/test_toxiproxy.py -k only_this_machine"),
    Mutant("runner/faults/cluster_api.py", "[only, *operations]", "[*operations]", "tests/faults/test_istio.py -k in_between"),
    Mutant("runner/faults/istio/routes.py", "if note is None and known.fault == known.prior:", "if False:",
           "tests/faults/test_istio.py -k for_long"),
    Mutant("runner/faults/istio/routes.py", "return _alike(found, known) if note or own is None else []", "return []",
           "tests/faults/test_istio.py -k edited"),
    Mutant("runner/faults/istio/routes.py", "    if len(at) > 1:\n", "    if False:\n", "tests/faults/test_istio.py -k several_routes"),
    Mutant("runner/faults/istio/routes.py", " and {*_alike(found, note)} <= {*at}", "", "tests/faults/test_istio.py -k copy_that"),
    Mutant("runner/faults/istio/routes.py", "    if known.prior is None:\n", "    if True:\n", "tests/faults/test_istio.py -k given_back"),
    Mutant("runner/faults/istio/routes.py", "if n.marker != marker and", "if False and", "tests/faults/test_istio.py -k earlier"),
    Mutant("runner/faults/istio/effect.py", "    if others:\n", "    if False:\n", "tests/faults/test_istio.py -k growth"),
    Mutant("runner/faults/istio/effect.py", "confirmed=grown > 0", "confirmed=True", "tests/faults/test_istio.py -k deaf"),
    Mutant("runner/faults/litmus/account.py", "labels.get(UID) in (None, self.uid)", "True", "tests/faults/test_litmus.py -k earlier"),
    Mutant("runner/faults/litmus/account.py", 'return self.experiment in ("Running", "Completed") and not self.trouble',
           "return bool(self.status)", "tests/faults/test_litmus.py -k only_initialized"),
    Mutant("runner/faults/litmus/engines.py", "return not (is_new and", "return not (", "tests/faults/test_litmus.py -k same_name"),
    Mutant("runner/faults/litmus/engines.py", "engine.uids.get(name, found[\"metadata\"][\"uid\"])", "found[\"metadata\"][\"uid\"]",
           "tests/faults/test_litmus.py -k same_name"),
    Mutant("runner/faults/litmus/engines.py", "        if unreverted := self._unreverted(engine):\n", "        if unreverted := []:\n",
           "tests/faults/test_litmus.py -k killed_helper"),
    Mutant("runner/faults/litmus/engines.py", "return state + list(self._pods(engine, found.uid, live=True))", "return state",
           "tests/faults/test_litmus.py -k died_meanwhile"),
    Mutant("runner/faults/litmus/effect.py", 'if before.kind == "killed":', "if False:", "tests/faults/test_litmus.py -k uid"),
    Mutant("runner/faults/aws/driver.py", ".hostname in LOOPBACK", ".hostname", "tests/faults/test_claims.py"),
    Mutant("runner/faults/registry.py", "return driver is not None and not driver.ends_with_target", "return False",
           "tests/detection/test_silences.py -k outlives_the_playground"),
    Mutant("runner/engine/preflight/target_environment.py", "environment=clearance.environment, beside", "beside",
           "tests/journeys/test_no_target.py -k account"),
    Mutant("runner/faults/kubernetes/driver.py", "return Claim.PERHAPS if host.runs_anything(provider) else Claim.NO",
           "return Claim.NO", "tests/faults/test_claims.py"),
    Mutant("runner/faults/kubernetes/private_kubeconfig.py", "if k not in ASTRAY}", "}", "tests/faults/test_private_kubeconfig.py"),
    Mutant("runner/faults/kubernetes/private_kubeconfig.py", "mode=0o600, durable=False", "durable=False",
           "tests/faults/test_private_kubeconfig.py"),
    Mutant("runner/faults/kubernetes/private_kubeconfig.py", "hashed(found.server) == known", "known == known",
           "tests/faults/test_private_kubeconfig.py"),
    Mutant("runner/faults/kubernetes/context.py", '{cluster: named["cluster"].get(cluster, {})}', 'named["cluster"]',
           "tests/faults/test_context.py"),
    Mutant("runner/engine/preflight/target_environment.py", "    clearance.require(hint=f\"choose one", "    str(f\"choose one",
           "tests/journeys/test_strike.py -k policy_does_not_know"),
    Mutant("runner/engine/preflight/target_environment.py", "    if led:\n", "    if False:\n",
           "tests/journeys/test_strike.py -k own_is_refused"),
    Mutant("runner/engine/preflight/target_environment.py", '"in CI" if _in_ci() else ""', '""',
           "tests/journeys/test_no_target.py -k in_ci"),
    Mutant("runner/engine/preflight/target_environment.py", "    if elsewhere:\n", "    if False:\n",
           "tests/journeys/test_no_target.py -k another_service"),
    Mutant("runner/safety/lock.py", "fcntl.LOCK_EX if alone else fcntl.LOCK_SH", "fcntl.LOCK_SH", "tests/safety/test_lock.py"),
    Mutant("runner/faults/kubernetes/pods_and_nodes.py", "targets=found.targets if count else ()", "targets=found.targets",
           "tests/playground/test_targets.py -k empty_node"),
    Mutant("runner/faults/kubernetes/objects.py", 'now["metadata"]["uid"] == before["uid"]', "False",
           "tests/playground/test_targets.py -k is_no_proof"),
    Mutant("runner/faults/kubernetes/driver.py", "        login.check()\n", "        pass\n",
           "tests/journeys/test_strike.py -k helpers_words"),
    Mutant("runner/slo/guard_set.py", "if heartbeat_ns is not None and", "if False and",
           "tests/slo/test_guard.py tests/slo/test_scripts.py"),
    Mutant("runner/slo/verdict.py", " or _highest_evidence(\n        objective, cut\n    ) >= -math.log(ALPHA)", "",
           VERDICTS),
    Mutant("runner/slo/verdict.py", "    missed = side > 0 or", "    missed = True or",
           VERDICTS),
    Mutant("runner/slo/recovery.py", "return min(self._needed, max(1, math.ceil(hidden_s / self.slice_s - 1e-9)))", "return 1",
           RECOVERY),
    Mutant("runner/timeline/ttd_ttr.py", "if cut_ns is not None and cut_ns <= recovered.mono_ns:", "if False:",
           "tests/timeline/test_ttd_ttr.py"),
    Mutant("runner/timeline/ttd_ttr.py", "min(cut_ns, unwatched_ns)", "cut_ns", "tests/timeline"),
    Mutant("runner/timeline/way_back.py", "    if failed or residue:\n", "    if failed:\n", "tests/timeline/test_way_back.py"),
    Mutant("runner/timeline/way_back.py", "    elif no_undo:\n", "    elif False:\n", "tests/timeline/test_way_back.py"),
    Mutant("runner/timeline/way_back.py", "    elif not blind:\n", "    elif True:\n", "tests/timeline/test_way_back.py"),
    Mutant("runner/engine/execute/proof.py", "if run is None:", "if run is None and evidence is None:", "tests/engine/test_proof.py"),
    Mutant("runner/engine/execute/proof.py", "if a.action in begun]", "]", "tests/engine/test_proof.py"),
    Mutant("runner/engine/execute/proof.py", "output is False or (", "(", "tests/engine/test_proof.py"),
    Mutant("runner/engine/execute/proof.py", "if refused := error_text.of_answer(output):", 'if refused := "":',
           "tests/engine/test_proof.py"),
    Mutant("runner/undo/steps.py", "return error_text.of_answer(output) or None", "return None", "tests/undo/test_player.py"),
    Mutant("runner/undo/steps.py", "in (404, 410)", "in ()", "tests/undo/test_player.py"),
    Mutant("runner/undo/player.py", "_settle_faults(ledger, tell) if _world_is_gone(start) else 0", "0", "tests/undo/test_player.py"),
    Mutant("runner/experiment/calls.py", "parameter.required and parameter.name not in taken", "False",
           "tests/experiment/test_calls.py"),
    Mutant("runner/experiment/calls.py", "            if name not in names:\n", "            if False:\n",
           "tests/experiment/test_calls.py"),
    Mutant("runner/experiment/calls.py", "function not in offer.functions:", "False:", "tests/experiment/test_calls.py"),
    Mutant("runner/faults/kubernetes/cordon.py", "return None if found.spec.unschedulable else", "return",
           "tests/playground/test_drain.py"),
    Mutant("runner/faults/kubernetes/cordon.py", "if _note(found) != run:", "if False:", "tests/playground/test_drain.py"),
    Mutant("runner/faults/kubernetes/cordon.py", "found.spec.unschedulable or _foreign(cluster, found, run)", "found.spec.unschedulable",
           "tests/faults/test_kubernetes_undo.py -k cordon"),
    Mutant("runner/faults/kubernetes/workloads.py", 'args["replicas"] or _theirs(found, args)', 'args["replicas"]',
           "tests/faults/test_kubernetes_undo.py -k scaled_back"),
    Mutant("runner/faults/kubernetes/dns.py", "return bool(config) and (config in before", "return bool(config) or (config in before",
           "tests/faults/test_coredns.py"),
    Mutant("runner/faults/kubernetes/eviction.py", "            if is_final(problem):\n                break\n", "            break\n",
           "tests/playground/test_drain.py -k again"),
    Mutant("runner/faults/kubernetes/eviction.py", "problem.status == 500 and SEVERAL in", "False and",
           "tests/playground/test_drain.py -k asked"),
    Mutant("runner/faults/kubernetes/eviction.py", " and not terminating)", ")", "tests/playground/test_drain.py -k asked"),
    Mutant("runner/faults/kubernetes/corefile.py", "re.escape(BEGINS.format(run=run))", "re.escape(BEGINS.format(run=''))",
           "tests/faults/test_corefile.py"),
    Mutant("runner/faults/kubernetes/resources.py", "if now > was and last.get", "if last.get", "tests/faults/test_pod_resources.py"),
    Mutant("runner/faults/kubernetes/resources.py", ' and last.get("reason") == OOM:', ":", "tests/faults/test_pod_resources.py"),
    Mutant("runner/faults/kubernetes/stress.py", "if rise >= expected[name] / 2}", "}", "tests/faults/test_pod_resources.py"),
    Mutant("runner/faults/kubernetes/scaling.py", "    if run > was:\n", "    if run >= was:\n", "tests/faults/test_scaling.py"),
    Mutant("runner/faults/kubernetes/dns.py", "if name in TOO_WIDE or", "if", "tests/faults/test_corefile.py"),
    Mutant("runner/faults/kubernetes/node_pods.py", "    if watches := _watches(pod):\n", "    if watches := \"\":\n",
           "tests/playground/test_drain.py -k watches"),
    Mutant("runner/faults/kubernetes/drain.py", "    if found.forbidden:\n", "    if False:\n", "tests/playground/test_drain.py -k allow"),
    Mutant("runner/faults/kubernetes/drain.py", "eviction.cut_off, _require_another)", "eviction.cut_off)",
           "tests/faults/test_drain_place.py -k control_plane"),
    Mutant("runner/faults/kubernetes/pods_and_nodes.py", "staying = [p for p in chosen if not p[\"leaving\"]]", "staying = chosen",
           "tests/faults/test_on_the_way_out.py -k kill"),
    Mutant("runner/faults/kubernetes/stress.py", "hit = seen or ([*runs, *ran] if scaled else [])",
           "hit = seen or (list(before[\"uids\"]) if scaled else [])", "tests/faults/test_cpu_stress.py"),
    Mutant("runner/faults/kubernetes/residue.py", "inventory.with_stuck(now, held)", "now", "tests/faults/test_leaving.py -k hangs"),
    Mutant("runner/faults/kubernetes/drain.py", "for n in nodes if not n[\"cordoned\"]]", "for n in nodes]",
           "tests/playground/test_drain.py -k somebody_else"),
    Mutant("runner/faults/kubernetes/residue.py", "not (named or evicted or rest)", "not named", "tests/faults/test_inventory.py"),
    Mutant("runner/faults/kubernetes/residue.py", "kept.names is None or change.name in kept.names", "kept.names is None",
           "tests/faults/test_inventory.py"),
    Mutant("runner/faults/kubernetes/residue.py", 'if snapshot.get("objects") is None:', "if False:", "tests/faults/test_inventory.py"),
    Mutant("runner/faults/kubernetes/driver.py", 'if n["name"] in before.get("cordoned", ())', "if False",
           "tests/cluster -k somebody_elses_cordon"),
    Mutant("runner/faults/stress_ng/stress.py", "left = max(leave_free_mb * MB, ", "left = min(leave_free_mb * MB, ",
           "tests/faults/test_stress_ng.py -k share"),
    Mutant("runner/faults/stress_ng/stress.py", "    if leave_free_mb < least:\n", "    if False:\n",
           "tests/faults/test_stress_ng.py -k harm"),
    Mutant("runner/faults/stress_ng/evidence.py", "    if not asked.program.working():\n", "    if False:\n",
           "tests/faults/test_stress_ng.py -k 'somebody_else or partial'"),
    Mutant("runner/faults/stress_ng/stress.py", ', "--timeout", f"{self.seconds:g}s"]', "]",
           "tests/faults/test_stress_ng.py -k all_of_us_dead"),
    Mutant("runner/faults/detached.py", 'ours[PART] = f"{run}:fault"', 'ours[PART] = f"{run}:worker"',
           "tests/journeys/test_stress_ng.py -k own_undo"),
    Mutant("runner/faults/detached.py", "if _mark(process) == name]", "if _mark(process)]",
           "tests/faults/test_stress_ng.py -k conformance"),
    Mutant("runner/faults/aws_fis/driver.py", 'one["state"]["status"] not in service.ENDED]', "False]",
           "tests/faults/test_aws_fis.py"),
    Mutant("runner/faults/aws_fis/driver.py", "confirmed=bool(ran)", "confirmed=True", "tests/faults/test_aws_fis.py"),
    Mutant("runner/faults/aws_fis/actions.py", "if template.skips_empty:", "if False:", "tests/faults/test_aws_fis.py"),
    Mutant("runner/faults/aws/changes.py", "if p not in was and (ours is None or p in ours)]:", "]:",
           "tests/faults/test_aws.py -k suspended"),
    Mutant("runner/faults/aws/driver.py", 'if change.whose(was, now, ours) != "ours":', "if change.is_back(was, now):",
           "tests/faults/test_aws.py -k meanwhile_stays"),
    Mutant("runner/faults/aws/driver.py", "was = {drawn: was[drawn]}", "pass", "tests/faults/test_aws.py -k drawn"),
    Mutant("runner/faults/gremlin/driver.py", "return [one for one in dark if not one.over]", "return []",
           "tests/faults/test_gremlin.py -k read"),
    Mutant("runner/faults/home.py", "if not made or not other:", "if True:", "tests/faults/test_aws.py -k another_account"),
    Mutant("runner/faults/aws_fis/driver.py", "Owner.NOBODY if template.stays else ", "", "tests/faults/test_aws_fis.py"),
    Mutant("runner/faults/aws/driver.py", "confirmed=bool(changed)", "confirmed=True", "tests/faults/test_aws.py"),
    Mutant("runner/faults/network/selection.py", "if reason := cuts_off(found):", "if reason := '':",
           "tests/faults/test_network.py -k cut"),
    Mutant("runner/faults/network/selection.py", "{LOOPBACK, *_default_interfaces()}", "{LOOPBACK}",
           "tests/faults/test_network.py -k leads_to_everybody"),
    Mutant("runner/faults/network/loss.py", "return lost > 0,", "return True,", "tests/faults/test_network.py -k unharmed"),
    Mutant("runner/faults/network/bandwidth.py", "return waited > 0,", "return True,", "tests/faults/test_network.py -k unharmed"),
    Mutant("runner/faults/network/latency.py", "        most > 0,\n", "        True,\n", "tests/faults/test_network.py -k hurried"),
    Mutant("runner/faults/network/latency.py", ', "--queue-bypass"]', "]", "tests/faults/test_network.py -k holds_them"),
    Mutant("runner/faults/network/latency.py", "if _comment(rule) == asked.name]", "]", "tests/faults/test_network.py -k conformance"),
    Mutant("runner/faults/network/means.py", "[shlex.join(lasts), *removal]", "[shlex.join(lasts)]",
           "tests/faults/test_network.py -k all_of_us_dead"),
    Mutant("runner/faults/network/bandwidth.py", "    if found.get(\"handle\", KERNELS_OWN) in (KERNELS_OWN, _handle(asked)):\n",
           "    if True:\n", "tests/faults/test_network.py -k somebody_else"),
    Mutant("runner/faults/gremlin/driver.py", 'if one.guid not in args["before"]', "if True", "tests/faults/test_gremlin.py"),
    Mutant("runner/faults/gremlin/driver.py", "if bad := [one for one in ends if not one.clean]:", "if bad := []:",
           "tests/faults/test_gremlin.py"),
    Mutant("runner/faults/pumba/actions.py", "    if not named:\n", "    if False:\n", "tests/faults/test_pumba.py -k names_others"),
    Mutant("runner/faults/pumba/actions.py", "if more := named - {*asked.containers}:", "if more := set[str]():",
           "tests/faults/test_pumba.py -k names_others"),
    Mutant("runner/faults/pumba/actions.py", 'entry.get("dryrun") is True and', "", "tests/faults/test_pumba.py -k names_others"),
    Mutant("runner/faults/pumba/state.py", 'asked.docker.call("unpause", name)', "pass", "tests/faults/test_pumba.py -k unpaused"),
)  # fmt: skip


def main(words: list[str]) -> int:
    """Every mutant, or those whose file or line has one of the words; exit code 1 when one survives."""
    chosen = [m for m in MUTANTS if not words or any(w in f"{m.file} {m.line} {m.tests}" for w in words)]
    bad = 0
    for number, mutant in enumerate(chosen, 1):
        state = _try(mutant)
        bad += state != "killed"
        print(
            f"{number:3} of {len(chosen)}  {state:9} {mutant.file}: {mutant.line.strip().splitlines()[0]}", flush=True
        )
    print(f"{len(chosen) - bad} passed, {bad} failed")
    return 1 if bad else 0


def _try(mutant: Mutant) -> str:
    """`killed`, `SURVIVED`, or `STALE` where the line is not there (once) any more."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        text = (tree / mutant.file).read_text("utf-8")
        if text.count(mutant.line) != 1:
            return "STALE"
        (tree / mutant.file).write_text(text.replace(mutant.line, mutant.broken), "utf-8")
        command = f"{sys.executable} -m pytest -q -x -p no:randomly -p no:cacheprovider {mutant.tests}"
        # Child processes must not find the installed tree, and what CI leaves to a run by hand is asked, too.
        env = {**os.environ, "PYTHONPATH": str(tree), "CHAOS_RUN_CATALOGUE": "1"}
        done = subprocess.run(["sh", "-c", command], cwd=tree, env=env, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{command} in {mutant.file}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return "killed" if done.returncode else "SURVIVED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
