// The retry budgets of all services that are called from here.
import { RetryBudget } from "./retry-budget.ts";

/** So many are kept: as many as services can be known. Beyond, the one that was made first begins anew. */
export const MAX_RETRY_BUDGETS = 20_000;

export class RetryBudgets {
  readonly #budgets = new Map<string, RetryBudget>();

  /** The budget of a service, shared by all its calls. */
  of(service: string): RetryBudget {
    return this.#budgets.get(service) ?? this.#make(service);
  }

  #make(service: string): RetryBudget {
    if (this.#budgets.size >= MAX_RETRY_BUDGETS) {
      const [first] = this.#budgets.keys();
      if (first !== undefined) this.#budgets.delete(first);
    }
    const budget = new RetryBudget();
    this.#budgets.set(service, budget);
    return budget;
  }
}
