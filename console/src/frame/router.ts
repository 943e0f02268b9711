/** Pages are addressed in the fragment: `#/iam/users/alice`. Segments are percent-encoded. */
import { useSyncExternalStore } from "react";

const subscribe = (changed: () => void) => {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
};

export function usePath(): readonly string[] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return segmentsOf(hash);
}

export function segmentsOf(hash: string): string[] {
  return hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter((each) => each !== "")
    .map((each) => {
      try {
        return decodeURIComponent(each);
      } catch {
        return each;
      }
    });
}

export function hrefOf(...segments: readonly string[]): string {
  return `#/${segments.map(encodeURIComponent).join("/")}`;
}

export function go(...segments: readonly string[]): void {
  location.hash = hrefOf(...segments);
}
