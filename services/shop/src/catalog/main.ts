import { join } from "../serve.ts";
import { catalogHandlers } from "./handlers.ts";

const mesh = await join();
await mesh.serve(catalogHandlers(process.env["MALLA_VERSION"] ?? "1.0.0"));
