# The models of lme4's help pages and paper, beside the best that lme4's own optimisers find.

classic <- list(
  dyestuff = list(Yield ~ 1 + (1 | Batch), "Dyestuff"),
  dyestuff_singular = list(Yield ~ 1 + (1 | Batch), "Dyestuff2"),
  penicillin = list(diameter ~ 1 + (1 | plate) + (1 | sample), "Penicillin"),
  pastes = list(strength ~ 1 + (1 | batch / cask), "Pastes"),
  pastes_by_hand = list(strength ~ 1 + (1 | sample) + (1 | batch), "Pastes"),
  cake = list(angle ~ recipe * temperature + (1 | recipe:replicate), "cake"),
  cake_linear = list(angle ~ recipe + temp + (1 | replicate) + (1 | recipe:replicate), "cake"),
  sleep_slope = list(Reaction ~ Days + (Days | Subject), "sleepstudy"),
  sleep_split = list(Reaction ~ Days + (Days || Subject), "sleepstudy"),
  sleep_two_terms = list(Reaction ~ Days + (1 | Subject) + (0 + Days | Subject), "sleepstudy"),
  ratings = list(y ~ service + (1 | s) + (1 | d) + (1 | dept), "InstEval")
)

# lme4's settings that drive each optimiser as far as it goes.
tight_controls <- function() {
  control <- function(optimizer, ...) {
    lme4::lmerControl(optimizer = optimizer, calc.derivs = FALSE, optCtrl = list(...))
  }
  list(
    nloptwrap = control("nloptwrap", xtol_abs = 1e-12, ftol_abs = 1e-13, maxeval = 20000),
    simplex = control("nloptwrap", algorithm = "NLOPT_LN_NELDERMEAD", xtol_abs = 1e-12,
      ftol_abs = 1e-13, maxeval = 20000),
    bobyqa = control("bobyqa", rhoend = 1e-10, maxfun = 20000),
    Nelder_Mead = control("Nelder_Mead", FtolAbs = 1e-13, FtolRel = 1e-16, XtolRel = 1e-12,
      maxfun = 20000)
  )
}

classic_data <- function(name) getExportedValue("lme4", name)

# Of several fits the one with the lowest criterion.
best_of_lme4 <- function(formula, data, REML, controls) {
  fits <- lapply(controls, function(control) {
    suppressWarnings(suppressMessages(lme4::lmer(formula, data, REML = REML, control = control)))
  })
  fits[[which.min(vapply(fits, lme4_criterion, 0))]]
}

lme4_criterion <- function(fit) {
  devcomp <- lme4::getME(fit, "devcomp")$cmp
  devcomp[[if (lme4::isREML(fit)) "REML" else "dev"]]
}

# Numbers alone: relative to the largest, so that zeros are compared on the scale of the others.
expect_near <- function(ours, theirs, tolerance, label) {
  ours <- as.vector(as.matrix(ours))
  theirs <- as.vector(as.matrix(theirs))
  expect_length(ours, length(theirs))
  expect_lte(max(abs(ours - theirs)) / max(abs(theirs), 1e-300), tolerance, label = label)
}

# A singular term's effects are tiny in lme4 where ours are zero: hence relative to sigma as well.
expect_near_effects <- function(ours, theirs, sigma, label) {
  expect_named(ours, names(theirs), label = label)
  for (group in names(theirs)) {
    expect_identical(dimnames(ours[[group]]), dimnames(theirs[[group]]), label = label)
    expected <- as.matrix(theirs[[group]])
    error <- max(abs(as.matrix(ours[[group]]) - expected)) / max(abs(expected), sigma)
    expect_lte(error, 5e-4, label = paste(label, group))
  }
}

expect_lme4s_best <- function(model, REML, controls = tight_controls()) {
  formula <- classic[[model]][[1]]
  data <- classic_data(classic[[model]][[2]])
  label <- paste(model, if (REML) "REML" else "ML")
  theirs <- best_of_lme4(formula, data, REML, controls)
  expect_warning(ours <- suppressMessages(rlmm(formula, data, REML = REML)), NA)

  expect_lte(ours$criterion - lme4_criterion(theirs), 1e-6, label = paste(label, "criterion"))
  theta <- lme4::getME(theirs, "theta")
  expect_named(getME(ours, "theta"), names(theta), label = label)
  expect_lte(max(abs(ours$theta - theta)), 1e-4 * max(theta, 1), label = paste(label, "theta"))
  expect_named(fixef(ours), names(nlme::fixef(theirs)), label = label)
  expect_near(fixef(ours), nlme::fixef(theirs), 1e-6, paste(label, "beta"))
  expect_near(vcov(ours), vcov(theirs), 1e-4, paste(label, "vcov"))
  expect_near(sigma(ours), sigma(theirs), 1e-4, paste(label, "sigma"))
  spread <- as.data.frame(VarCorr(ours))
  expected <- as.data.frame(VarCorr(theirs))
  expect_identical(spread[1:3], expected[1:3], label = paste(label, "VarCorr"))
  is_sd <- is.na(expected$var2)
  expect_near(spread$sdcor[is_sd], expected$sdcor[is_sd], 1e-4, paste(label, "sd"))
  if (any(!is_sd)) {
    expect_near(spread$sdcor[!is_sd], expected$sdcor[!is_sd], 1e-4, paste(label, "cor"))
  }
  expect_near_effects(ranef(ours, condVar = FALSE), nlme::ranef(theirs, condVar = FALSE),
    sigma(theirs), label)
  expect_true(optinfo(ours)$certificate$certified, label = label)
  expect_identical(isSingular(ours), lme4::isSingular(theirs), label = label)
  invisible(ours)
}

for (model in setdiff(names(classic), "ratings")) {
  test_that(paste("lme4's best optimiser and ours agree on", model), {
    skip_if_not_installed("lme4")
    expect_lme4s_best(model, REML = TRUE)
    expect_lme4s_best(model, REML = FALSE)
  })
}

test_that("the variance of Dyestuff2 is exactly zero, and the user is told", {
  skip_if_not_installed("lme4")
  expect_message(fit <- rlmm(Yield ~ 1 + (1 | Batch), lme4::Dyestuff2), "(1 | Batch)",
    class = "rlmm_singular", fixed = TRUE)
  expect_identical(fit$theta, 0)
  expect_true(all(ranef(fit, condVar = FALSE)$Batch == 0))
  fixed_only <- lm(Yield ~ 1, lme4::Dyestuff2)
  expect_equal(sigma(fit), sigma(fixed_only), tolerance = 1e-10)
  expect_equal(vcov(fit), vcov(fixed_only), tolerance = 1e-10)
})

# One of lme4's optimisers only, the best here: each takes seconds.
test_that("lme4's best optimiser and ours agree on the ratings of InstEval", {
  skip_on_cran()
  skip_if_not_installed("lme4")
  fit <- expect_lme4s_best("ratings", REML = FALSE, tight_controls()["bobyqa"])
  expect_lte(fit$criterion - 237721.768774, 1e-6)
})
