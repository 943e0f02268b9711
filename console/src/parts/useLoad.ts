import { useCallback, useContext, useEffect, useRef, useState } from "react";
import { ConsoleContext } from "../frame/context.ts";

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  reload(): void;
}

/**
 * Looking again by itself: soon after a change, then ever more rarely while nobody touches the page. What a page asks
 * is on the account's record, and the record is itself a change.
 */
const soonMs = 300;
const firstGapMs = 1000;
const longestGapMs = 60_000;

/**
 * Loads when the page opens, when `name` changes, when asked, and after changes of the services `live`. What was
 * loaded stays until its successor is there.
 */
export function useLoad<T>(name: string, load: () => Promise<T>, live: readonly string[] = []): Loaded<T> {
  const changes = useContext(ConsoleContext)?.changes;
  const [state, setState] = useState<{ name: string; data?: T; error?: unknown }>();
  const [loading, setLoading] = useState(true);
  const latest = useRef(0);
  const loader = useRef(load);
  loader.current = load;

  const run = useCallback(
    async (quiet: boolean) => {
      const turn = ++latest.current;
      if (!quiet) setLoading(true);
      try {
        const data = await loader.current();
        if (turn === latest.current) setState({ name, data });
      } catch (error) {
        if (turn === latest.current) setState((before) => (quiet && before?.name === name ? before : { name, error }));
      } finally {
        if (turn === latest.current) setLoading(false);
      }
    },
    [name],
  );

  useEffect(() => {
    void run(false);
    return () => void latest.current++;
  }, [run]);

  const services = live.join();
  useEffect(() => {
    if (services === "" || !changes) return undefined;
    let gap = firstGapMs;
    let last = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      timer = undefined;
      last = Date.now();
      gap = Math.min(gap * 2, longestGapMs);
      void run(true);
    };
    const unsubscribe = changes.subscribe(services.split(","), () => {
      timer ??= setTimeout(look, Math.max(soonMs, last + gap - Date.now()));
    });
    const touched = () => {
      gap = firstGapMs;
      if (timer === undefined || last === 0) return;
      clearTimeout(timer);
      timer = setTimeout(look, Math.max(soonMs, last + gap - Date.now()));
    };
    addEventListener("pointermove", touched, { passive: true });
    addEventListener("keydown", touched);
    return () => {
      unsubscribe();
      clearTimeout(timer);
      removeEventListener("pointermove", touched);
      removeEventListener("keydown", touched);
    };
  }, [run, services, changes]);

  const current = state?.name === name ? state : undefined;
  return { data: current?.data, error: current?.error, loading, reload: () => void run(false) };
}
