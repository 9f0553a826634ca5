import { describe } from 'vitest';
import { missing } from '../../core/test/processes.ts';
import { killLoop } from './kill-loop.ts';

const lacks = missing('sshd');

describe.skipIf(lacks)(lacks ?? 'SFTP', () => killLoop('sftp'));
