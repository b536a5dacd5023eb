# Whichever of rlmm and lme4 is attached last, every generic answers on either object. A new
# process each time, because packages cannot be detached without traces.
calls_on_both <- function(packages) {
  generics <- c("fixef", "ranef", "VarCorr", "getData", "isREML", "isLMM", "ngrps", "isSingular",
    "vcov", "sigma", "logLik", "AIC", "BIC", "nobs", "df.residual", "formula", "terms",
    "model.frame", "model.matrix", "weights", "family", "coef", "fitted", "residuals", "predict",
    "summary", "getCall", "isGLMM", "isNLMM", "refitML", "rePCA", "anova", "drop1", "extractAIC",
    "simulate", "hatvalues", "rstudent", "cooks.distance", "influence", "plot", "update")
  c(
    paste0("suppressMessages(library(", packages, "))"),
    "data <- lme4::sleepstudy",
    "ours <- rlmm::rlmm(Reaction ~ Days + (Days | Subject), data)",
    "theirs <- lme4::lmer(Reaction ~ Days + (Days | Subject), data)",
    paste0("generics <- ", paste(deparse(generics), collapse = "")),
    "for (name in generics) for (fit in list(ours, theirs)) {",
    "  value <- try(get(name)(fit), silent = TRUE)",
    "  if (inherits(value, 'try-error')) cat(name, class(fit), value)",
    "}",
    "for (fit in list(ours, theirs)) stopifnot(is.numeric(getME(fit, 'theta')))",
    "for (fit in list(ours, theirs)) stopifnot(is.numeric(fixef(refit(fit, data$Reaction + 1))))",
    "for (fit in list(ours, theirs)) print(VarCorr(fit))",
    "for (fit in list(ours, theirs)) invisible(as.data.frame(VarCorr(fit)))",
    "for (fit in list(ours, theirs)) invisible(as.data.frame(ranef(fit)))",
    "for (fit in list(ours, theirs)) invisible(capture.output(fit, summary(fit), ranef(fit)))",
    "stopifnot(all.equal(lme4::ngrps(ours), ngrps(theirs)), !lme4::isSingular(ours))",
    "cat('finished\\n')"
  )
}

test_that("generics answer in either order of attaching", {
  skip_if_not_installed("lme4")
  skip_if_not(installed(), "rlmm is not installed")
  for (packages in list(c("rlmm", "lme4"), c("lme4", "rlmm"), c("nlme", "lme4", "rlmm"),
    c("lme4", "rlmm", "nlme"))) {
    out <- run_in_new_session(calls_on_both(packages))
    expect_equal(out[length(out)], "finished", label = paste(packages, collapse = ", "))
    expect_false(any(grepl("Error", out)), label = paste(c(packages, out), collapse = "\n"))
  }
})

test_that("library(rlmm) alone offers nlme's generics and does not load lme4", {
  skip_if_not(installed(), "rlmm is not installed")
  out <- run_in_new_session(c(
    "library(rlmm)",
    "fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)",
    "stopifnot(length(fixef(fit)) == 2, nrow(ranef(fit)$Subject) == 18, isLMM(fit), isREML(fit))",
    "invisible(capture.output(print(VarCorr(fit)), summary(fit)))",
    "stopifnot(nrow(getData(fit)) == 180, ngrps(fit) == 18, length(getME(fit, 'u')) == 36)",
    "stopifnot(!'lme4' %in% loadedNamespaces())",
    "cat('finished\\n')"
  ))
  expect_equal(out[length(out)], "finished", label = paste(out, collapse = "\n"))
})

test_that("what neither package knows is a classed error", {
  expect_error(getME(1, "theta"), class = "rlmm_no_method")
  expect_error(isREML("a"), class = "rlmm_no_method")
  expect_error(isLMM(NULL), class = "rlmm_no_method")
  expect_error(ngrps(1:3), class = "rlmm_no_method")
  expect_error(isSingular(1), class = "rlmm_no_method")
  expect_error(REMLcrit(1), class = "rlmm_no_method")
})

test_that("lme4's objects are handed on", {
  fit <- lme4_fit("slope")
  expect_equal(getME(fit, "theta"), lme4::getME(fit, "theta"))
  expect_equal(getME(fit, c("n", "p")), lme4::getME(fit, c("n", "p")))
  expect_true(isREML(fit) && isLMM(fit))
  expect_equal(ngrps(fit), lme4::ngrps(fit))
  expect_equal(isSingular(fit, tol = 1e-5), lme4::isSingular(fit, tol = 1e-5))
  expect_equal(REMLcrit(fit), lme4::REMLcrit(fit))
})

test_that("lme4's generics and plain functions reach our fit", {
  skip_if_not_installed("lme4")
  fit <- our_fit("three")
  expect_equal(lme4::getME(fit, "theta"), getME(fit, "theta"))
  expect_equal(lme4::ngrps(fit), ngrps(fit))
  expect_equal(nlme::fixed.effects(fit), fixef(fit))
  expect_equal(nlme::random.effects(fit), ranef(fit))
  expect_true(lme4::isLMM(fit))
  expect_true(lme4::isREML(fit))
  expect_false(lme4::isGLMM(fit))
  expect_false(lme4::isNLMM(fit))
  expect_equal(lme4::isSingular(fit), isSingular(fit))
})
