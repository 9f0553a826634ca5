import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRunning } from '@sluice/core';

let known: string | null = null;

/**
 * Where this process's pid means something: the same text for two processes exactly when they see each other's pids. Two
 * containers may share a host's name and a folder, and still number their processes apart.
 */
export function processPlace(): string {
  known ??= process.platform === 'linux' ? (linuxPlace() ?? hostname()) : hostname();
  return known;
}

function linuxPlace(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/** Whether a process of this place runs; one of another user counts, one that ended and was not yet waited for does not. */
export function processExists(pid: number): boolean {
  return isRunning(pid) && (process.platform !== 'linux' || !isZombie(pid));
}

function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program stands in brackets and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}
