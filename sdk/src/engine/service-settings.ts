// What holds for one call's service: its ServicePolicy over the defaults, and the Route's own words over both.
import { DEFAULT_SERVICE_SETTINGS, type ServiceSettings } from "./default-settings.ts";
import type { CompiledRoute, Policy } from "./policy.ts";

/** A Route on any service meets at most this many settings before it forgets what it kept. */
export const MAX_KEPT_SETTINGS = 1_024;

/** Settings for a call of this service; with the Route that won, its timeout and retries stand before the service's. */
export function settingsOf(policy: Policy, service: string, route?: CompiledRoute): ServiceSettings {
  const settings = policy.settings.get(service) ?? DEFAULT_SERVICE_SETTINGS;
  if (route === undefined || (route.timeoutMs === undefined && route.retries === undefined)) return settings;
  let merged = route.settingsKept.get(settings);
  if (merged === undefined) {
    if (route.settingsKept.size >= MAX_KEPT_SETTINGS) route.settingsKept.clear();
    merged = Object.freeze({
      ...settings,
      timeoutMs: route.timeoutMs ?? settings.timeoutMs,
      maxTimeoutMs: route.timeoutMs ?? settings.maxTimeoutMs,
      retries: route.retries ?? settings.retries,
    });
    route.settingsKept.set(settings, merged);
  }
  return merged;
}
