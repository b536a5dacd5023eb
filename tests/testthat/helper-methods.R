# Fits that several test files share, each made once, with lme4's fit of the same model beside it.

shared <- new.env()

method_data <- function() {
  d <- rlmm::sleepstudy
  set.seed(11)
  d$w <- stats::runif(nrow(d), 0.5, 2)
  d$z <- stats::rnorm(nrow(d))
  d$o <- 2 * d$Days
  d$h <- factor(rep(letters[1:6], 30))
  # effects strong enough that no variance is estimated as zero
  d$y <- d$Reaction + stats::rnorm(18, 0, 15)[d$Subject] * d$z + c(-30, -12, 0, 5, 14, 28)[d$h]
  d$Days2 <- 2 * d$Days
  d$miss <- replace(d$Reaction, c(3, 50), NA)
  d
}

# Arguments of the fit by name; `data` is method_data() unless given.
method_models <- list(
  slope = list(Reaction ~ Days + (Days | Subject)),
  slope_ml = list(Reaction ~ Days + (Days | Subject), REML = FALSE),
  split = list(Reaction ~ Days + (Days || Subject)),
  three = list(y ~ Days + z + (1 | Subject) + (0 + Days + z | Subject) + (1 | h)),
  weighted = list(Reaction ~ Days + (Days | Subject), weights = quote(w)),
  offset = list(Reaction ~ Days + offset(o) + (1 | Subject)),
  exclude = list(miss ~ Days + (Days | Subject), na.action = stats::na.exclude),
  everything = list(miss ~ Days + (Days || Subject), weights = quote(w), offset = quote(o),
    na.action = stats::na.exclude),
  deficient = list(Reaction ~ Days + Days2 + z + (1 | Subject)),
  poly = list(Reaction ~ poly(Days, 2) + (poly(Days, 2) | Subject)),
  singular = list(Yield ~ 1 + (1 | Batch), data = "Dyestuff2"),
  insteval = list(y ~ service + (1 | s) + (1 | d) + (1 | dept:service), data = "InstEval",
    subset = quote(as.integer(s) <= 100)),
  penicillin = list(diameter ~ 1 + (1 | plate) + (1 | sample), data = "Penicillin"),
  pastes = list(strength ~ 1 + (1 | batch / cask), data = "Pastes"),
  factor_left = list(angle ~ temp + (recipe | replicate), data = "cake"),
  cake = list(angle ~ recipe * temperature + (1 | recipe:replicate), data = "cake")
)

model_data <- function(name) {
  data <- method_models[[name]]$data
  if (is.null(data)) return(method_data())
  testthat::skip_if_not_installed("lme4")
  getExportedValue("lme4", data)
}

fit_with <- function(fitter, name, ...) {
  arguments <- method_models[[name]]
  arguments$data <- quote(d)
  # lme4 looks for the data where the formula comes from
  environment(arguments[[1]]) <- environment()
  fit <- as.call(c(list(fitter), arguments, list(...)))
  d <- model_data(name)
  suppressMessages(eval(fit))
}

our_fit <- function(name) {
  key <- paste0("our_", name)
  if (is.null(shared[[key]])) shared[[key]] <- fit_with(quote(rlmm), name)
  shared[[key]]
}

# lme4 at a tight tolerance, so that its estimates are good to more digits than the tests ask for.
lme4_fit <- function(name) {
  testthat::skip_if_not_installed("lme4")
  key <- paste0("lme4_", name)
  if (is.null(shared[[key]])) {
    tight <- lme4::lmerControl(optimizer = "bobyqa", calc.derivs = FALSE,
      optCtrl = list(rhoend = 1e-9))
    fit <- fit_with(quote(lme4::lmer), name, control = tight)
    fit@call$control <- NULL
    shared[[key]] <- fit
  }
  shared[[key]]
}

plain <- function(x) {
  attributes(x) <- attributes(x)[intersect(names(attributes(x)), c("names", "dim", "dimnames"))]
  x
}

# The layout of printed lines: numbers do not count, nor how often a line is broken.
layout_of <- function(lines) {
  lines <- gsub("-?[0-9]+[.]?[0-9]*", "0", lines[-seq_len(grep("Data:", lines)[1])])
  lines <- trimws(gsub(" +", " ", lines))
  lines[nzchar(lines)]
}

# Is the package installed, so that a new process can load it?
installed <- function() {
  path <- tryCatch(find.package("rlmm", lib.loc = .libPaths()), error = function(e) "")
  file.exists(file.path(path, "Meta", "package.rds"))
}

# The output of a new R process, as lines, without that of attaching packages.
run_in_new_session <- function(code) {
  file <- tempfile(fileext = ".R")
  writeLines(c("options(conflicts.policy = list(warn = FALSE))", code), file)
  on.exit(unlink(file))
  library_paths <- paste(.libPaths(), collapse = .Platform$path.sep)
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(file)),
    stdout = TRUE, stderr = TRUE, env = paste0("R_LIBS=", shQuote(library_paths)))
}

# Draws on a device that leaves no file; what a picture is made of is in the trellis object.
draws <- function(plot) {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  print(plot)
  TRUE
}

many_groups <- function() {
  if (is.null(shared$many)) {
    set.seed(2)
    d <- data.frame(g = factor(rep(1:500, each = 4)), x = rnorm(2000))
    d$y <- 2 + d$x + rnorm(500)[d$g] + 0.5 * rnorm(500)[d$g] * d$x + rnorm(2000)
    shared$many <- rlmm(y ~ x + (x | g), d)
  }
  shared$many
}
