/* Établi: the few things a page does better with a script. Every one of them works without it. */
"use strict";
