# Ctrl-C during a long fit, tried on a session of its own: the script below writes down when it
# begins something and when it was interrupted, and this session sends the signal.

# A script that runs in the folder of its files. ROWS and JOB stand for what differs between tests;
# the file of a `stamp()` appears at once, with its text.
long_fits <- '
stamp <- function(name, text = "") {
  writeLines(c(format(as.numeric(Sys.time()), digits = 15), text), paste0(name, ".part"))
  file.rename(paste0(name, ".part"), name)
}
library(rlmm)
set.seed(1)
levels <- 5000
rows <- ROWS
d <- data.frame(a = sample(levels, rows, TRUE), b = sample(levels, rows, TRUE))
d$y <- rnorm(levels)[d$a] + rnorm(levels)[d$b] + rnorm(rows)
formula <- y ~ 1 + (1 | a) + (1 | b)
frame <- rlmm_frame(formula, d)
stamp("pid", Sys.getpid())
begun <- 0
returned <- 0
caught <- "nothing"
tryCatch(
  for (i in 1:3) {
    begun <- i
    stamp("begun")
    try(JOB, silent = TRUE)
    returned <- returned + 1
  },
  interrupt = function(condition) {
    stamp("interrupted", class(condition))
    caught <<- "interrupt"
  },
  error = function(e) stamp("failed", conditionMessage(e))
)
fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
before <- proc.time()[["user.self"]]
Sys.sleep(1)
busy <- proc.time()[["user.self"]] - before
stamp("after", c(begun, returned, caught, format(fit$criterion, digits = 12), busy))
'

wait_for <- function(file, seconds) {
  until <- Sys.time() + seconds
  while (!file.exists(file) && Sys.time() < until) Sys.sleep(0.02)
  file.exists(file)
}

# A folder in which the script runs, its process, and where the stamps appear.
start_script <- function(code, folder) {
  dir.create(folder)
  script <- file.path(folder, "script.R")
  writeLines(c(paste0("setwd(", deparse(folder), ")"), code), script)
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(script)), wait = FALSE,
    stdout = file.path(folder, "output"), stderr = file.path(folder, "output"),
    env = paste0("R_LIBS=", shQuote(libraries)))
}

# Interrupts the job after some seconds, and looks at what the script wrote down about it.
expect_stopped <- function(job, rows, after_seconds) {
  folder <- tempfile("interrupt")
  on.exit(unlink(folder, recursive = TRUE))
  start_script(sub("ROWS", rows, sub("JOB", job, long_fits, fixed = TRUE), fixed = TRUE), folder)
  stamp <- function(name) readLines(file.path(folder, name))

  expect_true(wait_for(file.path(folder, "pid"), 20))
  pid <- as.integer(stamp("pid")[2])
  on.exit(tools::pskill(pid, tools::SIGKILL), add = TRUE, after = FALSE)
  expect_true(wait_for(file.path(folder, "begun"), 5))
  Sys.sleep(after_seconds)
  expect_false(file.exists(file.path(folder, "after")))
  sent <- as.numeric(Sys.time())
  tools::pskill(pid, tools::SIGINT)

  expect_true(wait_for(file.path(folder, "interrupted"), 10))
  interrupted <- stamp("interrupted")
  expect_lt(as.numeric(interrupted[1]) - sent, 1)
  expect_true("interrupt" %in% interrupted)
  expect_true(wait_for(file.path(folder, "after"), 5))
  after <- stamp("after")[-1]
  expect_identical(after[1:3], c("1", "0", "interrupt"))
  expect_equal(as.numeric(after[4]), 1743.62827196, tolerance = 1e-9)
  # no thread goes on with what nobody waits for
  expect_lt(as.numeric(after[5]), 0.5)
  expect_false(file.exists(file.path(folder, "failed")))
}

test_that("an interrupt stops a long search, the loop around it, and nothing else", {
  skip_on_cran()
  skip_on_os("windows")
  skip_if_not(installed(), "rlmm is not installed")
  expect_stopped("rlmm(formula, d)", "2e5", 1.5)
})

test_that("an interrupt stops the preparation of many rows", {
  skip_on_cran()
  skip_on_os("windows")
  skip_if_not(installed(), "rlmm is not installed")
  expect_stopped("rlmm_devfun(frame)", "6e6", 1.2)
})
