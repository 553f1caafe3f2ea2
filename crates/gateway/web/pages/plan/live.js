// The preview: 20,000 simulations shortly after every change. A newer request replaces an older one,
// which is cancelled together with its job.

import { Refusal, Unreachable, call, pause, post } from "../../app/api.js";

const SIMULATIONS = 20_000;
const SEED = "1";
const DEBOUNCE = 120;
const RETRY = 3_000;

/** The request of a preview: small, and always with the same random numbers, so that only changes of the plan change the results. */
export function previewOf(request, simulations = SIMULATIONS) {
  const small = structuredClone(request);
  small.simulationParams = { ...small.simulationParams, nSimulations: simulations, seed: small.simulationParams?.seed ?? SEED };
  delete small.simulationParams.targetStandardError;
  return small;
}

/** Requests previews, and calls `on.busy()`, `on.answer(results)`, `on.sensitivity(results)`, `on.comparison(plans)`, `on.refused(error)`. */
export class Live {
  constructor(on, signal) {
    this.on = on;
    this.pinned = null;
    this.signal = signal;
    signal.addEventListener("abort", () => this.asked?.abort());
  }

  /** Requests the preview of a plan, and cancels the previous one. */
  async ask(request) {
    this.asked?.abort(new DOMException("a newer question came", "AbortError"));
    if (this.signal.aborted) return;
    this.asked = new AbortController();
    const { signal } = this.asked;
    try {
      await pause(DEBOUNCE, signal);
      this.on.busy();
      await this.answer(previewOf(request), signal);
    } catch (error) {
      if (signal.aborted) return;
      this.on.refused(error);
      // Retries after a temporary failure, unless the plan is changed first.
      const passing = error instanceof Unreachable || (error instanceof Refusal && (error.status >= 500 || error.status === 429) && !error.problem.quota);
      if (!passing) return;
      await pause(error.retryAfter ? 1000 * error.retryAfter : RETRY, signal).then(() => this.ask(request), () => {});
    }
  }

  async answer(body, signal) {
    const { value, headers } = await call("POST", "/api/simulate?preview=true", { body, signal });
    if (signal.aborted) return;
    this.on.answer(value);
    const job = headers.get("location");
    const further = [this.sensitivity(body, job, signal)];
    if (this.pinned) further.push(this.compare(body, signal));
    await Promise.all(further);
  }

  /** The sensitivity, from the same job if the response has its id. */
  async sensitivity(body, job, signal) {
    const results = job ? (await call("GET", job, { signal })).value.sensitivityResults : await post("/api/sensitivity?preview=true", body, { signal });
    if (!signal.aborted && results) this.on.sensitivity(results);
  }

  async compare(body, signal) {
    const comparison = await post("/api/compare?preview=true", { requests: [previewOf(this.pinned), body].map((one, index) => sameLuck(one, body, index)) }, { signal });
    if (!signal.aborted) this.on.comparison(comparison.plans);
  }
}

/** Both plans of a comparison are simulated with the same random numbers. */
function sameLuck(request, { simulationParams: { nSimulations, seed } }) {
  return { ...request, simulationParams: { ...request.simulationParams, nSimulations, seed } };
}
