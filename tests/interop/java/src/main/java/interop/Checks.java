package interop;

/** One line a check: `ok` or `not ok`, and why. A check that throws has failed; the others go on. */
final class Checks {
    interface Check {
        void run() throws Exception;
    }

    private int passed;
    private int failed;

    /** Whether it passed. */
    boolean check(String name, Check check) {
        try {
            check.run();
            passed++;
            System.out.println("ok     WxJava: " + name);
            return true;
        } catch (Exception | AssertionError problem) {
            failed++;
            System.out.println("not ok WxJava: " + name + ": " + problem);
            return false;
        }
    }

    /** Prints the sum; the exit code. */
    int end() {
        System.out.println("WxJava: " + passed + " passed, " + failed + " failed");
        return failed == 0 && passed > 0 ? 0 : 1;
    }

    static void same(String what, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    static void holds(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
