// The contract of payments, for the service and for whoever calls it.
import { fileURLToPath } from "node:url";
import { type Contract, loadContract } from "@malla/sdk";

export interface PaymentsService {
  Charge: { request: { orderId: string; cents: bigint; card: string }; response: { receipt: string } };
  Refund: { request: { orderId: string }; response: { cents: bigint } };
  Get: { request: { orderId: string }; response: { orderId: string; cents: bigint; receipt: string; state: string } };
}

const PROTO = fileURLToPath(new URL("../../protos/payments.proto", import.meta.url));

export async function loadPayments(): Promise<Contract<PaymentsService>> {
  return await loadContract<PaymentsService>(PROTO, { service: "shop.Payments", name: "payments" });
}
