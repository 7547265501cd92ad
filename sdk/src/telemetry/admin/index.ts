// The names of the admin server.
export { type AdminServer, type AdminServerOptions, createAdminServer } from "./admin-server.ts";
export { type HealthCheck, healthText } from "./health.ts";
