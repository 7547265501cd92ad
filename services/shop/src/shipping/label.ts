// Parcel labels: class by weight, and a check digit so that a mistyped one is noticed (Luhn, 1960).

export function labelFor(orderId: string, grams: number): string {
  const digits = [...orderId.replaceAll("-", "").slice(0, 12)].map((char) => Number.parseInt(char, 36) % 10).join("");
  return `${grams > 2_000 ? "P" : "L"}${digits}${luhnDigit(digits)}`;
}

export function luhnDigit(digits: string): number {
  const sum = [...digits].toReversed().reduce((total, char, i) => {
    const digit = Number(char) * (i % 2 === 0 ? 2 : 1);
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return (10 - (sum % 10)) % 10;
}
