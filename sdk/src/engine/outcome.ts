// What one attempt says about the instance that had it.

/**
 * `success`: it answered, whatever the application said. `failure`: it may be ill. `refused`: it is well, or gone, but did
 * not take the call: nothing ran. `abandoned`: nobody waited for the end, so it says nothing.
 */
export type Outcome = "success" | "failure" | "refused" | "abandoned";
