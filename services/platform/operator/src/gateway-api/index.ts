// Routes of the Gateway API in the mesh. Pure: objects in, documents and statuses out.
export type {
  GatewayObjects,
  GatewayRouteObject,
  MeshServiceReference,
  ReferenceGrantObject,
  RouteKind,
  ServiceNames,
  ServiceObject,
} from "./route-objects.ts";
export { concernsUs, type DocumentsVerdict, PROGRAMMED, routeStatus } from "./route-status.ts";
export { type ParentOutcome, type TranslatedRoute, translateRoutes } from "./translate-routes.ts";
export { routeOwner, wantedDocuments } from "./wanted-documents.ts";
