test_that("calls of lmer() run as they are", {
  env <- new.env(parent = globalenv())
  eval(quote({
    rlmm::masquerade()
    d <- rlmm::sleepstudy
    d$w <- seq_len(nrow(d)) / 90
    fit <- lmer(Reaction ~ Days + (Days | Subject), d, weights = w, subset = Days > 1, REML = FALSE)
    local_fit <- function(data) lmer("Reaction ~ Days + (1 | Subject)", data = data)
    other <- local_fit(d)
  }), env)
  expect_setequal(ls(env), c("lmer", "lmerControl", "d", "fit", "local_fit", "other"))
  direct <- rlmm(Reaction ~ Days + (Days | Subject), env$d, weights = w, subset = Days > 1,
    REML = FALSE)
  expect_equal(env$fit$theta, direct$theta)
  expect_equal(env$fit$call[[1]], quote(rlmm::rlmm))
  expect_s3_class(eval(quote(update(fit, REML = TRUE)), env), "rlmm")
  expect_s3_class(env$other, "rlmm")
  expect_error(eval(quote(lmer(Reaction ~ Days + (1 | Subject), d, family = binomial)), env),
    class = "rlmm_family")
})

test_that("lmerControl() is translated", {
  env <- new.env(parent = globalenv())
  masquerade(env)
  expect_message(control <- env$lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5),
    check.nobs.vs.nlev = "ignore", check.rankX = "stop.deficient"), class = "rlmm_ignored_setting")
  expect_s3_class(control, "rlmm_control")
  expect_equal(control$check$nobs_vs_nlev, "ignore")
  expect_equal(control$check$rank_X, "stop")
  expect_message(env$lmerControl("Nelder_Mead"), "optimizer")
  expect_silent(env$lmerControl())
  expect_equal(env$lmerControl(check.rankX = "silent.drop.cols")$check$rank_X, "ignore")
  skip_if_not_installed("lme4")
  fit <- env$lmer(Yield ~ 1 + (1 | Batch), lme4::Dyestuff,
    control = lme4::lmerControl(check.nobs.vs.nRE = "warning"))
  expect_equal(fit$control$check$nobs_vs_nRE, "warning")
})

test_that("nothing of the user's is overwritten", {
  env <- list2env(list(lmer = 1))
  expect_rlmm_error(masquerade(env), "bad_argument", "lmer")
  expect_equal(env$lmer, 1)
  twice <- new.env()
  masquerade(twice)
  expect_silent(masquerade(twice))
  expect_false("lmer" %in% getNamespaceExports("rlmm"))
})
